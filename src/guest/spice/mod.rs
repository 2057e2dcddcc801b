//! The agent of the guest's desktop: clipboard and dropped files.
//!
//! The SPICE agent protocol (spice-protocol, `spice/vd_agent.h`) on the virtio-serial port `com.redhat.spice.0`, which
//! QEMU gives us as a socket. QEMU's own client of it would forbid saved states.
//!
//! ```text
//!  socket ──bytes──▶ Decoder ──messages──▶ Session ──▶ Outbox ──chunks──▶ socket
//!                                             ▲│ news
//!                        offer, take, send… ──┘▼
//!                                            Agent (two threads)
//! ```

mod decoder;
mod files;
mod link;
mod message;
mod session;

pub use files::{FileSender, SendError};
pub use link::Agent;
pub use session::TakeError;
