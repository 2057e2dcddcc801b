//! The clipboard and files with a real guest: Debian with X, spice-vdagentd, spice-vdagent and xclip.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use crate::guests::alone;
use crate::story::debian::{Shell, debian_in};
use crate::story::{House, soak, wait_for};

/// Starts X and the agent; no session manager tells vdagentd whose session is in front, so `-X`.
const DESKTOP: &str = "systemctl stop spice-vdagentd.socket spice-vdagentd; modprobe virtio_console; \
                       (Xorg :0 vt7 -nolisten tcp >/var/log/x.log 2>&1 &); export DISPLAY=:0; \
                       until xset q >/dev/null 2>&1; do sleep 0.3; done; (openbox >/dev/null 2>&1 &); \
                       rm -f /run/spice-vdagentd/*; spice-vdagentd -X; sleep 1; spice-vdagent -f /root -o 0";

#[track_caller]
fn give(house: &House, text: &str) {
    wait_for("the agent to take text", 60, || {
        let set = house.orangery(&["clipboard", "set", "Debian", text]);
        set.status.success().then_some(()).ok_or(set)
    });
}

/// Waits until the guest's command prints what is wanted.
#[track_caller]
fn guest_says(shell: &mut Shell, command: &str, wanted: &str) {
    wait_for(command, 60, || {
        let said = shell.ask(command);
        (said == wanted).then_some(()).ok_or(said)
    });
}

#[track_caller]
fn took(house: &House, wanted: &str) {
    wait_for("what the guest copied", 60, || {
        let got = house.orangery(&["clipboard", "get", "Debian"]);
        let text = String::from_utf8_lossy(&got.stdout).into_owned();
        (text == wanted).then_some(()).ok_or(got)
    });
}

#[test]
fn debian_shares_text_a_picture_and_files_also_after_it_was_saved() {
    if !soak() {
        eprintln!("skipped: it takes minutes; ORANGERY_SOAK=1 runs it");
        return;
    }
    let _alone = alone();
    let house = House::new();
    let Some(_disk) = debian_in(&house) else {
        return;
    };
    house.done(&["device", "set", "Debian", "display0", "model=vga"]);
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    let without = house.refused(&["clipboard", "set", "Debian", "x"]);
    assert!(without.contains("install spice-vdagent"), "{without}");
    shell.say(DESKTOP);
    shell.wait_for_login();

    give(&house, "äpfel & \"birnen\"");
    guest_says(&mut shell, "xclip -sel clip -o", "äpfel & \"birnen\"");
    shell.ask("sh -c 'printf grüße | xclip -sel clip -i >/dev/null 2>&1'");
    took(&house, "grüße");

    let picture = house.path().join("in.png");
    let pixels = image::RgbaImage::from_fn(300, 200, |x, y| {
        image::Rgba([x as u8, y as u8, (x * y) as u8, 255])
    });
    pixels.save(&picture).unwrap();
    let set = house
        .command(&["clipboard", "set", "Debian"])
        .stdin(File::open(&picture).unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(set.status.success(), "{set:?}");
    guest_says(
        &mut shell,
        "xclip -sel clip -o -t TARGETS | grep -c image/png",
        "1",
    );
    shell.ask("sh -c 'xclip -sel clip -o -t image/png >/root/in.png'");
    let hash = shell.ask("cksum </root/in.png");
    assert_eq!(hash, cksum(&picture));
    shell.ask("sh -c 'xclip -sel clip -t image/png -i /root/in.png >/dev/null 2>&1'");
    let out = house.path().join("out.png");
    wait_for("the guest's picture", 60, || {
        let got = house.orangery(&["clipboard", "get", "Debian", "--output", "out.png"]);
        got.status.success().then_some(()).ok_or(got)
    });
    assert_eq!(image::open(&out).unwrap().into_rgba8(), pixels);

    let content: Vec<u8> = (0..3_000_000_u32).map(|it| (it / 7) as u8).collect();
    let mut file = File::create(house.path().join("a file [1].bin")).unwrap();
    file.write_all(&content).unwrap();
    house.done(&["send", "Debian", "a file [1].bin"]);
    let found = shell.ask("sh -c 'find / -xdev -name \"a file *.bin\" -exec cksum {} +'");
    let expected = cksum(&house.path().join("a file [1].bin"));
    assert!(found.starts_with(&expected), "{found} is not {expected}");

    house.done(&["save", "Debian"]);
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(&house, "Debian");
    shell.wait_for_login();
    give(&house, "after the night");
    guest_says(&mut shell, "xclip -sel clip -o", "after the night");
    shell.ask("sh -c 'printf morning | xclip -sel clip -i >/dev/null 2>&1'");
    took(&house, "morning");
}

/// Checksum and size as the guest's `cksum` prints them.
#[expect(clippy::disallowed_methods, reason = "a test's own tool")]
fn cksum(file: &std::path::Path) -> String {
    let mut command = std::process::Command::new("cksum");
    let output = command.stdin(File::open(file).unwrap()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
