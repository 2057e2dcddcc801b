//! Tests from outside.

mod cli;
