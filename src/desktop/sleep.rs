//! This computer going to sleep: told beforehand, and put off for a moment.
//!
//! `org.freedesktop.login1.Manager`: `Inhibit` with the mode `delay`, and the signal `PrepareForSleep`
//! (<https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html>). logind waits some seconds at most.

use std::io;

use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::OwnedFd;

/// Puts sleep off until it is dropped.
#[derive(Debug)]
pub struct Delay {
    _inhibitor: OwnedFd,
}

/// Calls `tell` each time before this computer sleeps; never where no logind answers. Works on a thread that waits for the
/// system bus and ends with the process.
pub fn watch(tell: impl Fn(Delay) + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("sleep".to_owned())
        .spawn(move || {
            follow(&tell).ok(); // Without logind nobody says when.
        })
        .map(|_handle| ())
}

fn follow(tell: &impl Fn(Delay)) -> zbus::Result<()> {
    let bus = Connection::system()?;
    let logind = Proxy::new(
        &bus,
        "org.freedesktop.login1",
        "/org/freedesktop/login1",
        "org.freedesktop.login1.Manager",
    )?;
    let signals = logind.receive_signal("PrepareForSleep")?;
    let delay = || -> zbus::Result<Delay> {
        let why = "Keeping the moment of machines that run";
        let inhibitor = logind.call("Inhibit", &("sleep", "Orangery", why, "delay"))?;
        Ok(Delay {
            _inhibitor: inhibitor,
        })
    };
    let mut held = Some(delay()?);
    for signal in signals {
        let sleeps: bool = signal.body().deserialize()?;
        if !sleeps {
            held = Some(delay()?); // It is awake again.
        } else if let Some(delay) = held.take() {
            tell(delay);
        }
    }
    Ok(())
}
