//! The program `o2tr`.

fn main() {}
