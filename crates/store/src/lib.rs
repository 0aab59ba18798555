//! Local stand-in.
pub mod file;
