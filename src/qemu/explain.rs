//! stub
use super::process::ProcessError;
use crate::model::Failure;
use std::process::ExitStatus;
pub fn crashed(name: &str, log: &str, _status: Option<ExitStatus>) -> Failure {
    Failure::new(format!("{name} crashed"), log)
}
pub fn start_failed(name: &str, error: &ProcessError, log: &str) -> Failure {
    Failure::new(format!("{name} did not start"), error.to_string()).details(log)
}
