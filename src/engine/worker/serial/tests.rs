//! The port with a pretended QEMU at its other end.

use super::*;

/// A port with a pretended QEMU.
struct Bench {
    line: Option<Line>,
    qemu: UnixStream,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, qemu) = UnixStream::pair().unwrap();
        let line = Line::start("serial-test".to_owned(), ours, folder.path(), false).unwrap();
        Self {
            line: Some(line),
            qemu,
            folder,
        }
    }

    /// Another owner takes over.
    fn hand_over(&mut self) {
        self.line = None;
        let (ours, qemu) = UnixStream::pair().unwrap();
        let folder = self.folder.path();
        self.line = Some(Line::start("serial-test".to_owned(), ours, folder, true).unwrap());
        self.qemu = qemu;
    }

    fn watch(&self, history: bool) -> (UnixStream, u64) {
        let (socket, length) = self.line.as_ref().unwrap().watch(history).unwrap();
        let socket = UnixStream::from(socket);
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).unwrap();
        self.qemu.set_read_timeout(patience).unwrap();
        (socket, length)
    }

    fn say(&mut self, text: &str) {
        self.qemu.write_all(text.as_bytes()).unwrap();
    }
}

fn hear(from: &mut UnixStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn everyone_hears_the_guest_and_everyone_may_type() {
    let mut bench = Bench::new();
    let (mut first, _) = bench.watch(true);
    let (mut second, _) = bench.watch(true);
    bench.say("login: ");
    assert_eq!(hear(&mut first, 7), "login: ");
    assert_eq!(hear(&mut second, 7), "login: ");
    first.write_all(b"ro").unwrap();
    assert_eq!(hear(&mut bench.qemu, 2), "ro");
    second.write_all(b"ot").unwrap();
    assert_eq!(hear(&mut bench.qemu, 2), "ot");
}

#[test]
fn who_comes_later_is_told_what_was_said_and_how_much_of_it_is_old() {
    let mut bench = Bench::new();
    let (mut first, length) = bench.watch(true);
    assert_eq!(length, 0);
    bench.say("booted");
    hear(&mut first, 6);
    let (mut later, length) = bench.watch(true);
    assert_eq!((hear(&mut later, 6), length), ("booted".to_owned(), 6));
    let (mut fresh, length) = bench.watch(false);
    bench.say("!");
    assert_eq!((hear(&mut fresh, 1), length), ("!".to_owned(), 0));
}

#[test]
fn the_next_owner_knows_what_was_said() {
    let mut bench = Bench::new();
    bench.say("before ");
    bench.hand_over();
    bench.say("after");
    bench.hand_over();
    let (mut watcher, length) = bench.watch(true);
    assert_eq!(hear(&mut watcher, 12), "before after");
    assert_eq!(length, 12);
}

#[test]
fn a_watcher_that_does_not_read_holds_up_nobody() {
    let mut bench = Bench::new();
    let (mut lazy, _) = bench.watch(true);
    let (mut busy, _) = bench.watch(true);
    let mut sink = busy.try_clone().unwrap();
    let reader = std::thread::Builder::new()
        .spawn(move || {
            let mut last = Vec::new();
            let mut block = [0; 4096];
            while !last.ends_with(b"over\n") {
                let count = sink.read(&mut block).unwrap();
                last.extend(&block[..count]);
                last.drain(..last.len().saturating_sub(5));
            }
        })
        .unwrap();
    let lines = "y\n".repeat(64 * 1024);
    for _ in 0..32 {
        bench.say(&lines);
    }
    bench.say("over\n");
    reader.join().unwrap();
    // The lazy one finds what its socket held, a mark, and the newest lines, not all 4 MiB.
    let mut all = Vec::new();
    let mut block = [0; 65536];
    while !all.ends_with(b"over\n") {
        let count = lazy.read(&mut block).unwrap();
        all.extend_from_slice(&block[..count]);
    }
    assert!(all.len() < 32 * lines.len() / 2, "{}", all.len());
    assert!(all.contains(&CANCEL));
    busy.write_all(b"x").unwrap();
    assert_eq!(hear(&mut bench.qemu, 1), "x");
}

#[test]
fn what_the_guest_does_not_take_waits_outside() {
    let bench = Bench::new();
    let (mut watcher, _) = bench.watch(false);
    watcher.set_nonblocking(true).unwrap();
    let block = [b'x'; 4096];
    let mut written = 0;
    let mut full = 0;
    while full < 50 && written < 64 * 1024 * 1024 {
        match watcher.write(&block) {
            Ok(count) => written += count,
            Err(_) => {
                full += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    assert!(written < 4 * 1024 * 1024, "{written} bytes are held");
}

#[test]
fn the_last_words_reach_the_log_and_who_reads() {
    let mut bench = Bench::new();
    let (mut watcher, _) = bench.watch(true);
    bench.say("Power down\n");
    bench.line = None;
    let mut text = String::new();
    watcher.read_to_string(&mut text).unwrap();
    assert_eq!(text, "Power down\n");
    assert_eq!(serial_tail(bench.folder.path()).unwrap(), b"Power down\n");
}
