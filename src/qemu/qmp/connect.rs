//! Reaching a monitor's socket within a time limit.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde_json::Value;

use super::QmpError;
use crate::qemu::binary::Version;

/// A plain `connect` blocks for ever when the listener's queue is full, which a monitor that
/// hangs reaches after two clients.
pub(super) fn connect(path: &Path, deadline: Instant) -> Result<UnixStream, QmpError> {
    let failed = |errno: Errno| QmpError::Connect {
        path: path.to_owned(),
        nobody: matches!(errno, Errno::NOENT | Errno::CONNREFUSED),
        why: std::io::Error::from(errno).to_string(),
    };
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )
    .map_err(failed)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN | Errno::INTR) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(errno) => return Err(failed(errno)),
        }
    }
    rustix::io::ioctl_fionbio(&socket, false).map_err(failed)?;
    Ok(UnixStream::from(socket))
}

/// `{"QMP": {"version": {"qemu": {"major": …}}}}`
pub(super) fn version(greeting: &Value) -> Result<Version, QmpError> {
    let part = |name: &str| {
        greeting
            .pointer(&format!("/QMP/version/qemu/{name}"))
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
    };
    match (part("major"), part("minor"), part("micro")) {
        (Some(major), Some(minor), Some(micro)) => Ok(Version {
            major,
            minor,
            micro,
        }),
        _ => Err(QmpError::Garbled {
            what: "the greeting has no version".to_owned(),
        }),
    }
}
