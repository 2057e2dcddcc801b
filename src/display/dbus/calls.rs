//! Calls to QEMU's consoles, and what its numbers mean.

use std::collections::HashMap;

use serde::Serialize;
use zbus::Message;
use zbus::message::Flags;
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue};

use crate::display::DisplayError;
use crate::display::frame::Leds;
use crate::display::input::Button;

pub(super) const ROOT: &str = "/org/qemu/Display1";
pub(super) const CONSOLE: &str = "org.qemu.Display1.Console";
pub(super) type Properties = HashMap<String, OwnedValue>;
pub(super) type Objects = HashMap<OwnedObjectPath, HashMap<String, Properties>>;

pub(super) fn failed(doing: &'static str) -> impl Fn(zbus::Error) -> DisplayError {
    move |error| DisplayError::Peer {
        doing,
        reason: error.to_string(),
    }
}

pub(super) fn call<B>(
    head: u32,
    interface: &str,
    verb: &str,
    body: &B,
    flag: Option<Flags>,
) -> Result<Message, DisplayError>
where
    B: Serialize + DynamicType,
{
    let build = || {
        let mut builder = Message::method_call(console_path(head), verb)?.interface(interface)?;
        if let Some(flag) = flag {
            builder = builder.with_flags(flag)?;
        }
        builder.build(body)
    };
    build().map_err(failed("write a message to the machine"))
}

pub(super) fn console_path(head: u32) -> String {
    format!("{}{head}", console_path_start())
}

pub(super) fn console_path_start() -> String {
    format!("{ROOT}/Console_")
}

pub(super) fn is_graphic(object: &HashMap<String, Properties>) -> bool {
    let console = object.get(CONSOLE);
    let kind = console.and_then(|properties| properties.get("Type"));
    kind.is_some_and(|kind| <&str>::try_from(kind).is_ok_and(|kind| kind == "Graphic"))
}

/// Keyboard.Modifiers: bits 0 scroll lock, 1 num lock, 2 caps lock.
pub(super) fn leds(bits: u32) -> Leds {
    Leds {
        scroll_lock: bits & 1 != 0,
        num_lock: bits & 2 != 0,
        caps_lock: bits & 4 != 0,
    }
}

/// InputButton in qapi/ui.json.
pub(super) fn button_number(button: Button) -> u32 {
    match button {
        Button::Left => 0,
        Button::Middle => 1,
        Button::Right => 2,
        Button::Side => 5,
        Button::Extra => 6,
    }
}
