//! Holds the test card to its sources, and boots it in a bare QEMU.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests fail as the tests do"
)]

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::card::{self, Accelerator, Ballast, CardError, CardReport, Disk, Network};

const MIB: u64 = 1 << 20;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/test-card")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests run the image's own builder"
)]
fn run_script(script: &Path, argument: &Path) -> io::Result<Output> {
    Command::new("sh")
        .arg(script)
        .arg(argument)
        .env_remove("CC")
        .output()
}

fn build_script(argument: &Path) -> io::Result<Output> {
    run_script(&sources().join("build.sh"), argument)
}

#[test]
fn the_painter_of_the_benchmarks_still_fits_the_cards_drivers() {
    if build_script(Path::new("--compiler"))
        .unwrap()
        .stdout
        .is_empty()
    {
        eprintln!("skipped: there is no compiler for C here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = sources().join("../../tests/bench/painter/build.sh");
    let output = run_script(&script, &folder.path().join("painter.img")).unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{why}");
}

#[test]
fn the_checked_in_test_card_is_what_its_sources_make() {
    let recorded = std::fs::read_to_string(sources().join("test-card.compiler")).unwrap();
    let here = build_script(Path::new("--compiler")).unwrap();
    let here = String::from_utf8_lossy(&here.stdout);
    if here != recorded {
        eprintln!("skipped: the image was made by {recorded:?}, here is {here:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("test-card.img");
    let output = build_script(&image).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let made = std::fs::read(&image).unwrap();
    let kept = std::fs::read(sources().join("test-card.img")).unwrap();
    assert!(
        made == kept,
        "the sources changed: rebuild as assets/test-card/README.md says"
    );
}

#[test]
fn the_test_card_has_its_boot_signature_and_config_sector() {
    for image in [
        Path::new(env!("ORANGERY_TEST_CARD")),
        &sources().join("test-card.img"),
    ] {
        let bytes = std::fs::read(image).unwrap();
        assert_eq!(bytes.len(), 524_288);
        assert_eq!(bytes[510..512], [0x55, 0xaa]);
        assert!(bytes[512_000..].starts_with(b"ORANGERY-CONFIG1"));
        assert_eq!(bytes[512_016..512_032], [0; 16], "no ballast unless asked");
    }
}

/// A test card in a bare QEMU, software emulation, driven over QMP.
struct Guest {
    child: Child,
    qmp: BufReader<UnixStream>,
    folder: tempfile::TempDir,
}

impl Guest {
    /// None, with the reason printed, where there is no QEMU.
    fn boot(ballast: u64, devices: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk.img");
        let mut image = std::fs::read(env!("ORANGERY_TEST_CARD")).unwrap();
        image[512_016..512_024].copy_from_slice(&ballast.to_le_bytes());
        image[512_024..512_032].copy_from_slice(&7_u64.to_le_bytes());
        std::fs::File::create(&disk)
            .unwrap()
            .write_all(&image)
            .unwrap();
        let (ours, theirs) = (folder.path().join("qmp"), folder.path().join("qmp"));
        let child = start_qemu(&disk, &theirs, devices)
            .inspect_err(|error| eprintln!("skipped: qemu-system-x86_64 does not start: {error}"))
            .ok()?;
        let until = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&ours) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < until, "no QMP socket: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut guest = Self {
            child,
            qmp: BufReader::new(stream),
            folder,
        };
        guest.read_line();
        guest.command(r#"{"execute":"qmp_capabilities"}"#);
        Some(guest)
    }

    fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.qmp.read_line(&mut line).unwrap();
        line
    }

    fn command(&mut self, command: &str) {
        writeln!(self.qmp.get_mut(), "{command}").unwrap();
        loop {
            let line = self.read_line();
            assert!(
                !line.is_empty() && !line.contains("\"error\""),
                "{command}: {line}"
            );
            if line.contains("\"return\"") {
                return;
            }
        }
    }

    fn press(&mut self, key: &str) {
        let keys = format!(r#"[{{"type":"qcode","data":"{key}"}}]"#);
        self.command(&format!(
            r#"{{"execute":"send-key","arguments":{{"keys":{keys},"hold-time":10}}}}"#
        ));
        std::thread::sleep(Duration::from_millis(40));
    }

    fn report(&mut self) -> Result<CardReport, CardError> {
        let file = self.folder.path().join("screen.ppm");
        self.command(&format!(
            r#"{{"execute":"screendump","arguments":{{"filename":"{}"}}}}"#,
            file.display()
        ));
        let (pixels, width, height) = read_ppm(&std::fs::read(&file).unwrap());
        // QEMU 10 pads each row to four bytes
        card::decode(&pixels, width, height, pixels.len() / height, 3)
    }

    fn wait_for(&mut self, what: &str, wanted: impl Fn(&CardReport) -> bool) -> CardReport {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let report = self.report();
            match report {
                Ok(report) if wanted(&report) => return report,
                _ => assert!(Instant::now() < until, "waiting for {what}: {report:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn switched_off(mut self) -> bool {
        self.command(r#"{"execute":"system_powerdown"}"#);
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the card is tried without the app's own way to QEMU"
)]
fn start_qemu(disk: &Path, qmp: &Path, devices: &str) -> io::Result<Child> {
    Command::new("qemu-system-x86_64")
        .args([
            "-accel",
            "tcg",
            "-machine",
            "q35",
            "-m",
            "256",
            "-nodefaults",
            "-display",
            "none",
        ])
        .args([
            "-netdev",
            "user,id=n,restrict=on",
            "-device",
            "virtio-net-pci,netdev=n",
        ])
        .args([
            "-blockdev",
            &format!(
                "driver=raw,node-name=d,file.driver=file,file.filename={}",
                disk.display()
            ),
        ])
        .args([
            "-qmp",
            &format!("unix:{},server=on,wait=off", qmp.display()),
        ])
        .args(devices.split_whitespace())
        .stdin(Stdio::null())
        .spawn()
}

/// Pixels, width and height of a binary PPM.
fn read_ppm(file: &[u8]) -> (Vec<u8>, usize, usize) {
    let mut parts = file.splitn(4, |&byte| byte == b'\n').skip(1);
    let size = String::from_utf8_lossy(parts.next().unwrap()).into_owned();
    let (width, height) = size.split_once(' ').unwrap();
    (
        parts.nth(1).unwrap().to_vec(),
        width.parse().unwrap(),
        height.parse().unwrap(),
    )
}

#[test]
fn the_test_card_drives_virtio_and_leaves_by_the_power_button() {
    let devices = "-device virtio-vga,xres=1280,yres=800 -device virtio-tablet-pci \
                   -device virtio-keyboard-pci -device virtio-blk-pci,drive=d";
    let Some(mut guest) = Guest::boot(20 * MIB, devices) else {
        return;
    };
    let first = guest.wait_for("an address", |card| card.network == Network::HasAddress);
    assert!(
        first.virtio_screen && first.virtio_keyboard && first.tablet,
        "{first:?}"
    );
    assert_eq!(
        (first.accelerator, first.disk, first.disk_boots),
        (Accelerator::Tcg, Disk::Works, 1)
    );
    ["o", "k", "ret", "a"]
        .iter()
        .for_each(|key| guest.press(key));
    let typed = guest.wait_for("four keys", |card| card.keys == 4);
    assert_eq!(typed.text_hash, card::text_hash("ok\na"));
    let checked = guest.wait_for("a checked ballast", |card| card.ballast_checks > 0);
    assert_eq!((checked.ballast, checked.ballast_mib), (Ballast::Right, 20));
    guest.command(r#"{"execute":"system_reset"}"#);
    let again = guest.wait_for("the second boot", |card| card.disk_boots == 2);
    assert_ne!(again.boot_nonce, first.boot_nonce);
    assert!(guest.switched_off());
}

#[test]
fn the_test_card_falls_back_to_vbe_and_ps2() {
    let devices = "-device VGA -device ide-hd,drive=d";
    let Some(mut guest) = Guest::boot(0, devices) else {
        return;
    };
    let first = guest.wait_for("a frame", |card| card.network == Network::HasAddress);
    assert!(
        !first.virtio_screen && !first.virtio_keyboard && !first.tablet,
        "{first:?}"
    );
    assert_eq!((first.disk, first.ballast), (Disk::BiosOnly, Ballast::None));
    guest.press("x");
    assert_eq!(
        guest.wait_for("a key", |card| card.keys == 1).text_hash,
        card::text_hash("x")
    );
    assert!(guest.switched_off());
}
