//! How long each frame took, for benchmarks: `ORANGERY_FRAMES=FILE` writes a line for each.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

/// Names the file.
const VARIABLE: &str = "ORANGERY_FRAMES";

/// The file, if someone wants it.
#[derive(Debug, Default)]
pub struct Frames {
    file: Option<File>,
}

impl Frames {
    pub fn from_environment() -> Self {
        let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        Self {
            file: path.and_then(|path| match File::create(&path) {
                Ok(file) => Some(file),
                Err(error) => {
                    eprintln!("orangery: {VARIABLE}: {error}");
                    None
                }
            }),
        }
    }

    /// Notes a frame: from the request to draw until it is on the screen, in milliseconds.
    pub fn note(&mut self, took: Duration) {
        if let Some(file) = &mut self.file
            && writeln!(file, "{:.3}", took.as_secs_f64() * 1000.0).is_err()
        {
            self.file = None; // The disk is full; nobody measures any more.
        }
    }
}
