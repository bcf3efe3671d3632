//! The operations that a device has to offer, and who offers them.

pub mod cpu;
