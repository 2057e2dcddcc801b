//! Typing: beside a machine's other work, and what a real guest makes of every key and of several layouts.

use std::process::Stdio;
use std::time::Duration;

use orangery::display::keys::{KeyCode, Layout, type_text};
use orangery::display::{Input, Offer, Screen};

use super::debian::{Bare, Shell};
use super::{House, soak};
use crate::display_live::machine::Machine;
use crate::guests::alone;

#[test]
fn a_long_text_keeps_nobody_waiting_and_ends_with_the_machine() {
    let house = House::with_card();
    let refused = house.refused(&["type", "Card", "grün", "--layout", "us"]);
    assert!(refused.contains("“ü” (number 3)"), "{refused}");
    let refused = house.refused(&["type", "Card", "x", "--layout", "klingon"]);
    assert!(
        refused.contains("klingon") && refused.contains("us"),
        "{refused}"
    );
    let text = "all work and no play ".repeat(200);
    let start = || {
        let mut command = house.command(&["type", "Card", &text, "--slow", "--layout", "us"]);
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut typing = start();
    super::wait_for("the job of typing", 60, || {
        if typing.try_wait().unwrap().is_some() {
            typing = start(); // The text below was quicker, and this one was refused.
        }
        let refused = house.orangery(&["type", "Card", "x", "--layout", "us"]);
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        why.contains("Another text is being typed")
            .then_some(())
            .ok_or(why)
    });
    house.picture("Card");
    house.done(&["key", "Card", "shift"]);
    assert!(
        typing.try_wait().unwrap().is_none(),
        "all of that went on beside it"
    );
    house.done(&["power-off", "Card"]);
    let ended = typing.wait_with_output().unwrap();
    let why = String::from_utf8_lossy(&ended.stderr);
    assert!(
        !ended.status.success() && why.contains("not typed to its end"),
        "{why}"
    );
}

const KOREAN: [u16; 2] = [122, 123];

/// The 105 keys of a PC keyboard, then the Japanese and the Korean ones, by their evdev codes.
fn all_keys() -> Vec<u16> {
    let pc = (1..=83).chain(86..=88).chain(96..=100).chain(102..=111);
    let pc: Vec<u16> = pc.chain([119, 125, 126, 127]).collect();
    assert_eq!(pc.len(), 105);
    pc.into_iter()
        .chain([89, 92, 93, 94, 124])
        .chain(KOREAN)
        .collect()
}

/// Waits until a command of the guest is through.
#[track_caller]
fn through(shell: &mut Shell, command: &str) {
    shell.say(&format!("{command}; echo \"thr\"ough: it"));
    assert!(shell.hear("through: ", 300).is_some(), "{command}");
}

fn press(screen: &Screen, chord: &[KeyCode]) {
    const PACE: Duration = Duration::from_millis(30);
    for &code in chord {
        screen.send(Input::Key { code, down: true });
    }
    std::thread::sleep(PACE);
    for &code in chord.iter().rev() {
        screen.send(Input::Key { code, down: false });
    }
    std::thread::sleep(PACE);
}

/// Presses each of `keys` and compares what evdev saw go down on the keyboard of this name.
fn round_trip(shell: &mut Shell, screen: &Screen, keyboard: &str, keys: &[u16]) {
    listen(shell, keyboard);
    for &code in keys {
        press(screen, &[KeyCode(code)]);
    }
    let seen = heard(shell, *keys.last().unwrap());
    assert_eq!(seen, keys, "{keyboard}");
    println!("{keyboard}: {} keys came back with their codes", seen.len());
}

/// Notes what evdev sees of a keyboard from now on.
fn listen(shell: &mut Shell, keyboard: &str) {
    let find = format!("grep -l '{keyboard}' /sys/class/input/event*/device/name | cut -d/ -f5");
    let device = shell.ask(&find);
    shell.say(&format!(
        "stdbuf -oL evtest --grab /dev/input/{device} > /tmp/keys 2>&1 &"
    ));
    through(
        shell,
        "sh -c 'until grep -q Testing /tmp/keys; do sleep 0.2; done'",
    );
}

/// The keys that went down, once `last` did, or 20 s are over.
fn heard(shell: &mut Shell, last: u16) -> Vec<u16> {
    through(
        shell,
        &format!(
            "sh -c 'n=0; until grep -q \"code {last} .*value 1\" /tmp/keys || [ $n -gt 40 ]; do sleep 0.5; n=$((n+1)); done'"
        ),
    );
    let seen = shell
        .ask("sed -n 's/.*EV_KEY.*code \\([0-9]*\\) .*value 1$/\\1/p' /tmp/keys | tr '\\n' ' '");
    let seen: Vec<u16> = seen
        .split_whitespace()
        .map(|code| code.parse().unwrap())
        .collect();
    through(shell, "sh -c 'pkill evtest; sleep 1'");
    seen
}

/// Types into a terminal of the guest's X server with one of its layouts, and compares what arrived.
fn typed_in_x(shell: &mut Shell, screen: &Screen, id: &str, text: &str) {
    let (layout, variant) = match id.split_once('-') {
        Some((layout, variant)) => (layout, format!("-variant {variant}")),
        None => (id, String::new()),
    };
    through(
        shell,
        &format!("sh -c 'DISPLAY=:0 setxkbmap {layout} {variant}; sleep 1'"),
    );
    let before: usize = shell.ask("wc -l < /tmp/typed").parse().unwrap();
    let line = format!("{text}\n");
    for chord in type_text(Layout::find(id).unwrap(), &line).unwrap() {
        press(screen, &chord);
    }
    through(
        shell,
        &format!(
            "sh -c 'n=0; until [ $(wc -l < /tmp/typed) -gt {before} ] || [ $n -gt 40 ]; do sleep 0.5; n=$((n+1)); done'"
        ),
    );
    let hex = shell.ask("tail -n 1 /tmp/typed | od -An -v -tx1 | tr -d ' \\n'");
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    assert_eq!(String::from_utf8_lossy(&bytes), line, "{id}");
    println!("{id}: {text:?} arrived as it was meant");
}

#[test]
fn every_key_comes_back_from_a_guest_and_texts_arrive_in_their_layouts() {
    if !soak() {
        eprintln!("skipped: boots Debian for minutes, with ORANGERY_SOAK=1");
        return;
    }
    let _alone = alone();
    let Some(mut debian) = Bare::boot(&["-device", "virtio-keyboard-pci,id=keys"]) else {
        return;
    };
    let screen = debian.machine.dbus(Offer::Inline);
    let Bare { machine, shell, .. } = &mut debian;
    round_trip(shell, &screen, "QEMU Virtio Keyboard", &all_keys());

    shell.say("touch /tmp/typed; LANG=C.UTF-8 xinit /usr/bin/xterm -geometry 250x90 -u8 -e sh -c 'cat >> /tmp/typed' -- :0 vt7 >/tmp/x 2>&1 &");
    through(
        shell,
        "sh -c 'until DISPLAY=:0 setxkbmap us 2>/dev/null; do sleep 1; done; sleep 15'",
    );
    for (id, text) in [
        ("us", "Plain {~} \"10-4\" \\|"),
        ("de", "Größe €25 @ [~] ê à ^"),
        ("fr", "ça coûte 25 €, où ? ~ ô"),
        ("gb", "£5 #1 \\ | ¬"),
        ("es", "¿Año? ¡Sí! ü @"),
        ("ch", "Zürich è é $ { }"),
        ("pl", "Zażółć gęślą jaźń"),
        ("br", "ação / ? é ü"),
        ("tr", "ışık İĞ @"),
        ("ru", "Привет, мир!"),
        ("us-intl", "it's \"ñ\" é ~"),
    ] {
        typed_in_x(shell, &screen, id, text);
    }

    through(shell, "sh -c 'pkill Xorg; sleep 2'");
    machine.qmp("device_del", r#"{"id":"keys"}"#);
    through(
        shell,
        "sh -c 'while grep -q Virtio /proc/bus/input/devices; do sleep 1; done'",
    );
    // The two Korean keys get lost within QEMU's PS/2 keyboard, whoever presses them.
    let mut others = all_keys();
    others.retain(|code| !KOREAN.contains(code));
    round_trip(shell, &screen, "AT Translated", &others);
    send_korean_keys(shell, machine);
}

/// Has QEMU press the Korean keys itself.
fn send_korean_keys(shell: &mut Shell, machine: &mut Machine) {
    listen(shell, "AT Translated");
    for key in ["lang1", "lang2", "a"] {
        let keys = format!(r#"{{"keys":[{{"type":"qcode","data":"{key}"}}]}}"#);
        machine.qmp("send-key", &keys);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(heard(shell, 30), [30], "QEMU's own send-key");
}
