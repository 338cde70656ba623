//! What members report and what follows for the source: when it is told and how it is written. The
//! figures and how they add up are in `copies`.

pub(crate) mod io;
mod quotas;
mod scheduled;
