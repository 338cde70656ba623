//! The command `navarch`.
fn main() {}
