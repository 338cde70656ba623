//! The Table answers; pure.
