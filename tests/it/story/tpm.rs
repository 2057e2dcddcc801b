//! A machine's TPM: what a guest keeps in it is saved, goes on, and goes back in time with the machine.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::serial::open;
use super::{House, files_below, is_alive, kill, wait_for};

/// A boot sector that keeps one character in its TPM, through the firmware's `TCG_PassThroughToTPM` (TCG PC Client
/// Specific Implementation for Conventional BIOS, 13.5): it says "nv=X" on ttyS0 at the start and after each byte from
/// there; one that is not `r` is kept first. The commands are those of TPM 2.0 part 3: NV_DefineSpace, NV_Write, NV_Read.
///
/// ```text
/// .code16
/// .globl _start
/// _start:
///     cli
///     xor %ax, %ax
///     mov %ax, %ds
///     mov %ax, %es
///     mov %ax, %ss
///     mov $0x7c00, %sp
///     sti
/// again:
///     mov $read, %di
///     call tpm
///     mov $'-', %al
///     cmpl $0, out + 4 + 6
///     jne say
///     mov out + 4 + 16, %al
/// say:
///     mov %al, value
///     mov $text, %si
/// next:
///     lodsb
///     test %al, %al
///     jz key
///     call put
///     jmp next
/// key:
///     mov $0x3fd, %dx
///     in %dx, %al
///     test $1, %al
///     jz key
///     mov $0x3f8, %dx
///     in %dx, %al
///     cmp $'r', %al
///     je again
///     mov %al, written
///     mov $define, %di
///     call tpm
///     mov $write, %di
///     call tpm
///     jmp again
/// put:
///     push %ax
///     mov $0x3fd, %dx
/// busy:
///     in %dx, %al
///     test $0x20, %al
///     jz busy
///     pop %ax
///     mov $0x3f8, %dx
///     out %al, %dx
///     ret
/// tpm:
///     mov $out, %si
///     movl $-1, out + 4 + 6
///     mov $0xbb02, %ax
///     mov $0x41504354, %ebx
///     xor %ecx, %ecx
///     xor %edx, %edx
///     int $0x1a
///     ret
/// text: .ascii "nv="
/// value: .byte 0
///     .ascii "\r\n\0"
/// define: .word 8 + 45, 0, 256, 0
///     .byte 0x80,2, 0,0,0,45, 0,0,1,0x2a, 0x40,0,0,1, 0,0,0,9, 0x40,0,0,9,0,0,0,0,0, 0,0
///     .byte 0,14, 1,0x50,0,1, 0,0xb, 2,2,0,2, 0,0, 0,1
/// write: .word 8 + 36, 0, 256, 0
///     .byte 0x80,2, 0,0,0,36, 0,0,1,0x37, 0x40,0,0,1, 1,0x50,0,1, 0,0,0,9, 0x40,0,0,9,0,0,0,0,0
///     .byte 0,1
/// written: .byte 0
///     .byte 0,0
/// read: .word 8 + 35, 0, 256, 0
///     .byte 0x80,2, 0,0,0,35, 0,0,1,0x4e, 0x40,0,0,1, 1,0x50,0,1, 0,0,0,9, 0x40,0,0,9,0,0,0,0,0
///     .byte 0,1, 0,0
/// .set out, 0x9000
/// ```
const KEEP: &[u8] = &[
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfb, 0xbf, 0xe6, 0x7c,
    0xe8, 0x4d, 0x00, 0xb0, 0x2d, 0x66, 0x83, 0x3e, 0x0a, 0x90, 0x00, 0x75, 0x03, 0xa0, 0x14, 0x90,
    0xa2, 0x81, 0x7c, 0xbe, 0x7e, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x05, 0xe8, 0x23, 0x00, 0xeb, 0xf6,
    0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8, 0xba, 0xf8, 0x03, 0xec, 0x3c, 0x72, 0x74, 0xcd,
    0xa2, 0xe3, 0x7c, 0xbf, 0x85, 0x7c, 0xe8, 0x17, 0x00, 0xbf, 0xba, 0x7c, 0xe8, 0x11, 0x00, 0xeb,
    0xbc, 0x50, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb, 0x58, 0xba, 0xf8, 0x03, 0xee, 0xc3,
    0xbe, 0x00, 0x90, 0x66, 0xc7, 0x06, 0x0a, 0x90, 0xff, 0xff, 0xff, 0xff, 0xb8, 0x02, 0xbb, 0x66,
    0xbb, 0x54, 0x43, 0x50, 0x41, 0x66, 0x31, 0xc9, 0x66, 0x31, 0xd2, 0xcd, 0x1a, 0xc3, 0x6e, 0x76,
    0x3d, 0x00, 0x0d, 0x0a, 0x00, 0x35, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x80, 0x02, 0x00,
    0x00, 0x00, 0x2d, 0x00, 0x00, 0x01, 0x2a, 0x40, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x09, 0x40,
    0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x01, 0x50, 0x00, 0x01,
    0x00, 0x0b, 0x02, 0x02, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x2c, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x00, 0x00, 0x80, 0x02, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x01, 0x37, 0x40, 0x00, 0x00, 0x01,
    0x01, 0x50, 0x00, 0x01, 0x00, 0x00, 0x00, 0x09, 0x40, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x80, 0x02,
    0x00, 0x00, 0x00, 0x23, 0x00, 0x00, 0x01, 0x4e, 0x40, 0x00, 0x00, 0x01, 0x01, 0x50, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x09, 0x40, 0x00, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
];

/// A house with a machine "Guest" with a TPM that runs [`KEEP`]; `None` without an emulator for TPMs.
fn house(board: &str) -> Option<House> {
    if orangery::confine::find_program("swtpm").is_none() {
        eprintln!("skipped: there is no swtpm");
        return None;
    }
    let house = House::new();
    let mut disk = vec![0; 1024 * 1024];
    disk[..KEEP.len()].copy_from_slice(KEEP);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let path = house.path().join("keep.img");
    #[expect(clippy::disallowed_methods, reason = "a file of a test")]
    std::fs::write(&path, disk).unwrap();
    let create = [
        "create",
        "Guest",
        "--disk",
        "keep.img",
        "--copy",
        "--firmware",
        "bios",
    ];
    house.done(&[&create[..], &["--memory", "64M", "--cpus", "1"]].concat());
    house.done(&["set", "Guest", &format!("board={board}")]);
    house.done(&["device", "add", "Guest", "tpm"]);
    Some(house)
}

/// The guest's answer to a byte; sent until there is one.
#[track_caller]
fn says(house: &House, byte: u8) -> char {
    let (mut stream, _) = open(house, "Guest", false);
    wait_for("the guest's TPM", 60, || {
        stream.write_all(&[byte]).unwrap();
        let heard = hear(&mut stream);
        let at = heard.rfind("nv=").map(|at| at + 3);
        at.and_then(|at| heard[at..].chars().next()).ok_or(heard)
    })
}

/// Has the guest keep a byte, and waits until it says so; before, it may still say what it had.
#[track_caller]
fn keeps(house: &House, byte: u8) {
    wait_for("the guest's TPM to keep it", 60, || {
        let said = says(house, byte);
        (said == char::from(byte)).then_some(()).ok_or(said)
    });
}

fn hear(stream: &mut UnixStream) -> String {
    let patience = Some(Duration::from_secs(2));
    stream.set_read_timeout(patience).unwrap();
    let mut heard = String::new();
    let mut block = [0; 256];
    while !heard.ends_with('\n') {
        match stream.read(&mut block) {
            Ok(count) if count > 0 => heard.push_str(&String::from_utf8_lossy(&block[..count])),
            _ => break,
        }
    }
    heard
}

/// What TPMs keep in the machine's folder.
fn states(house: &House) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(house.machine("Guest").join("tpm"));
    folder.unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The emulator of the machine's TPM.
fn emulator(house: &House) -> Option<u32> {
    let mut pids = house.processes().into_iter();
    pids.find(|pid| super::arguments(*pid).is_some_and(|line| line.contains("--tpmstate")))
}

#[test]
fn what_a_tpm_keeps_goes_back_in_time_with_a_running_machine() {
    let Some(house) = house("q35") else { return };
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '-', "a TPM that was never used");
    keeps(&house, b'1');
    house.done(&["snapshot", "take", "Guest", "one"]);
    keeps(&house, b'2');

    // Saved, and started again.
    let running = emulator(&house).unwrap();
    house.done(&["save", "Guest"]);
    assert!(!is_alive(running), "the emulator outlived its QEMU");
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '2');

    // An owner that dies leaves it alone; the next one goes on.
    house.kill_agent();
    house.done(&["snapshot", "checkpoints", "Guest", "every=0"]); // Starts the next one.
    keeps(&house, b'3');

    house.done(&["snapshot", "rewind", "Guest", "one"]);
    assert_eq!(says(&house, b'r'), '1', "as it was then");
    // The snapshot of then, what was kept as it left, and the present.
    assert_eq!(states(&house).len(), 3);
    house.done(&["snapshot", "verify", "Guest"]);
    house.done(&["power-off", "Guest"]);
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '1', "also after a boot");
    house.done(&["power-off", "Guest"]);
    assert_eq!(emulator(&house), None);
}

#[test]
fn a_tpm_whose_emulator_dies_is_told_and_what_to_do() {
    let Some(house) = house("q35") else { return };
    house.done(&["start", "Guest"]);
    keeps(&house, b'1');
    kill(emulator(&house).unwrap(), Signal::KILL);
    wait_for("the trouble to be told", 20, || {
        let row = house.row("Guest");
        let told = row["error"]
            .as_str()
            .is_some_and(|error| error.contains("its TPM does not answer"));
        told.then_some(()).ok_or(row)
    });
    assert_eq!(house.state("Guest"), "running");
    // A later owner sees it as well.
    house.kill_agent();
    house.done(&["snapshot", "checkpoints", "Guest", "every=0"]);
    wait_for("the trouble to be told again", 20, || {
        let row = house.row("Guest");
        row["error"].is_string().then_some(()).ok_or(row)
    });
    house.done(&["power-off", "Guest"]);
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '1');
}

#[test]
fn what_a_tpm_keeps_goes_back_in_time_with_a_machine_that_is_off() {
    let Some(house) = house("i440fx") else { return };
    house.done(&["start", "Guest"]);
    keeps(&house, b'1');
    house.done(&["power-off", "Guest"]);
    house.done(&["snapshot", "take", "Guest", "one"]);
    house.done(&["start", "Guest"]);
    keeps(&house, b'2');

    // Its emulator dies with QEMU, and the next start goes on from what it kept.
    let (qemu, running) = (house.pid("Guest"), emulator(&house).unwrap());
    kill(qemu, Signal::KILL);
    house.wait_state("Guest", "crashed");
    wait_for("the emulator to end", 10, || {
        (!is_alive(running)).then_some(()).ok_or(())
    });
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '2');
    house.done(&["power-off", "Guest"]);

    // Taken out, it is not there; put in again, it is the same one.
    house.done(&["device", "remove", "Guest", "tpm0"]);
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '-');
    house.done(&["power-off", "Guest"]);
    house.done(&["device", "add", "Guest", "tpm"]);
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '2');
    house.done(&["power-off", "Guest"]);

    house.done(&["snapshot", "rewind", "Guest", "one", "--drop-present"]);
    house.done(&["start", "Guest"]);
    assert_eq!(says(&house, b'r'), '1');
    house.done(&["power-off", "Guest"]);
    assert_eq!(states(&house).len(), 2);
    house.done(&["snapshot", "delete", "Guest", "one", "--yes"]);
    assert_eq!(states(&house).len(), 1);
    assert!(
        files_below(&house.machine("Guest").join("tpm"))
            .unwrap()
            .len()
            <= 2
    );
}
