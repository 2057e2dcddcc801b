//! QEMU's D-Bus display, peer to peer: one connection for input and facts, one per shown picture, two for sound.
//!
//! QEMU and its guest stand still while we owe an answer, so the answers come from the listener's own thread
//! ([`listener`]), which replies before it touches a pixel. Interfaces: QEMU's `ui/dbus-display1.xml`.

mod calls;
mod control;
mod desktop;
mod listener;
#[cfg(test)]
mod pixel_tests;
mod pixel_wire;
mod sound;
#[cfg(test)]
mod sound_tests;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use zbus::connection::socket::BoxedSplit;
use zbus::export::futures_core::Stream;
use zbus::message::{Flags, Header, Type};
use zbus::zvariant::Value;
use zbus::{Connection, Message, MessageStream, connection};

pub(super) use self::control::{Link, run};
pub use self::sound::SoundLink;

/// Messages that wait between the socket and us. Few, as each may be 128 MiB long.
const MAX_QUEUED: usize = 4;

/// What we tell QEMU we can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// Shared memory where QEMU has it (9.2 and newer), inline pixels otherwise.
    #[default]
    SharedMemory,
    /// Inline pixels only.
    Inline,
}

/// Runs `work` while driving the connection of `messages` on this very thread, so that no thread of zbus' own is
/// between the socket and us.
async fn driven<T>(connection: &Connection, work: impl Future<Output = T>) -> T {
    let executor = connection.executor().clone();
    let mut work = pin!(work);
    let mut drive = pin!(async {
        loop {
            executor.tick().await;
        }
    });
    std::future::poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        let _pending: Poll<()> = drive.as_mut().poll(context);
        Poll::Pending
    })
    .await
}

/// A connection that is yet to be made, to the peer on `wire`. Whoever runs it drives it by [`driven`].
fn peer<'a>(wire: impl Into<BoxedSplit>) -> connection::Builder<'a> {
    connection::Builder::socket(wire)
        .p2p()
        .internal_executor(false)
        .max_queued(MAX_QUEUED)
}

/// Hands each call of the peer on `wire` to `serve`, which answers it, until the peer is gone.
async fn serve_calls(
    wire: impl Into<BoxedSplit>,
    serve: impl AsyncFn(&Connection, &Message) -> zbus::Result<()>,
) -> zbus::Result<()> {
    // The stream is made with the connection: made later, it can miss QEMU's first question, and QEMU waits 25 s.
    let mut messages = peer(wire).build_message_stream().await?;
    let connection = Connection::from(&messages);
    driven(&connection, async {
        while let Some(message) = next_message(&mut messages).await {
            if message.message_type() == Type::MethodCall {
                serve(&connection, &message).await?;
            }
        }
        Ok(())
    })
    .await
}

/// Reads a call by `parse` and says whether an answer is due; `None` if it made no sense, which the peer was told.
async fn read_call<C>(
    connection: &Connection,
    message: &Message,
    parse: impl FnOnce(&Header<'_>, &Message) -> Result<C, String>,
) -> zbus::Result<Option<(C, bool)>> {
    let header = message.header();
    let answer_due = !header.primary().flags().contains(Flags::NoReplyExpected);
    match parse(&header, message) {
        Ok(call) => Ok(Some((call, answer_due))),
        Err(why) if answer_due => {
            let name = "org.freedesktop.DBus.Error.InvalidArgs";
            connection.reply_error(&header, name, &why).await?;
            Ok(None)
        }
        Err(_) => Ok(None),
    }
}

/// The properties of a listener: the further interfaces that it has. QEMU reads the list without a check, so it is
/// always there.
fn properties(interfaces: &[&'static str]) -> (HashMap<&'static str, Value<'static>>,) {
    (HashMap::from([(
        "Interfaces",
        Value::from(interfaces.to_vec()),
    )]),)
}

/// The next message, or `None` once the peer is gone.
async fn next_message(messages: &mut MessageStream) -> Option<Message> {
    std::future::poll_fn(|context| Pin::new(&mut *messages).poll_next(context))
        .await?
        .ok()
}
