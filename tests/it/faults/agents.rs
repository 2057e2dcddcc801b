//! The agent of a guest's desktop, honest and hostile, played by a fake QEMU.

use std::time::{Duration, Instant};

use super::put;
use super::qemus::fake;
use crate::story::{House, wait_for};

/// A monitor that says that the agent's channel is open, and an agent that `PLAY`s on it.
const AGENT: &str = r#"
import hashlib, struct, threading
place = re.search(r"id=spice-agent-socket,path=([^,]+)", " ".join(args)).group(1)
channel = socket.socket(socket.AF_UNIX)
channel.bind(place)
channel.listen()
def monitor():
    global peer
    while True:
        greet()
        for line in peer.makefile():
            request = json.loads(line)
            open = [{"label": "spice-agent-socket", "frontend-open": True, "filename": ""}]
            status = {"status": "running", "running": True, "singlestep": False}
            value = {"query-status": status, "query-chardev": open}.get(request["execute"], {})
            say({"return": value, "id": request.get("id")})
            if request["execute"] == "quit":
                os._exit(0)
        peer, _ = server.accept()
threading.Thread(target=monitor).start()
def exactly(link, size):
    data = b""
    while len(data) < size:
        more = link.recv(size - len(data))
        if not more: raise EOFError
        data += more
    return data
def send(link, kind, data):
    message = struct.pack("<IIQI", 1, kind, 0, len(data)) + data
    link.sendall(struct.pack("<II", 1, len(message)) + message)
def messages(link):
    stream = b""
    while True:
        while len(stream) >= 20:
            _, kind, _, size = struct.unpack("<IIQI", stream[:20])
            if len(stream) < 20 + size: break
            yield kind, stream[20:20 + size]
            stream = stream[20 + size:]
        _, size = struct.unpack("<II", exactly(link, 8))
        stream += exactly(link, size)
clip = struct.pack("<BBBBI", 0, 0, 0, 0, 1)
grabs = 0
def grab(link):
    global grabs
    send(link, 7, struct.pack("<BBBBII", 0, 0, 0, 0, grabs, 1))
    grabs += 1
while True:
    link, _ = channel.accept()
    try:
        PLAY
    except (EOFError, OSError):
        pass
"#;

/// Takes what it is offered, offers it back in capitals; of a file, the hash.
const HONEST: &str = r#"
        words, files, grabs = b"", {}, 0
        for kind, data in messages(link):
            if kind == 6:
                grabs = 0
                send(link, 6, struct.pack("<II", 0, 1 << 5 | 1 << 6 | 1 << 17))
            elif kind == 7:
                grabs += 1
                send(link, 8, clip)
            elif kind == 4:
                words = data[8:].upper()
                grab(link)
            elif kind == 8:
                send(link, 4, clip + words)
            elif kind == 10:
                name = re.search(rb"name=(.*)\n", data).group(1)
                size = int(re.search(rb"size=(\d+)", data).group(1))
                files[data[:4]] = [name, size, hashlib.sha256(), 0]
                send(link, 11, data[:4] + struct.pack("<I", 0))
            elif kind == 12:
                file = files[data[:4]]
                file[2].update(data[12:])
                file[3] += len(data) - 12
                if file[3] == file[1]:
                    send(link, 11, data[:4] + struct.pack("<I", 3))
                    words = file[0] + b" " + file[2].hexdigest().encode()
                    grab(link)
"#;

/// Offers text, and hands over `TOO MUCH` of it.
const HOSTILE: &str = r#"
        for kind, data in messages(link):
            if kind == 6:
                grabs = 0
                send(link, 6, struct.pack("<II", 0, 1 << 5 | 1 << 6 | 1 << 17))
                for _ in range(2000):
                    grab(link)
            elif kind == 8:
                link.sendall(struct.pack("<II", 1, 0xffffffff))
                link.sendall(struct.pack("<IIQI", 1, 4, 0, 0xfffffff0) + clip)
                while True:
                    link.sendall(b"x" * 65536)
"#;

/// A house with a card under a fake QEMU with that agent.
fn house_with(play: &str) -> House {
    let mut house = House::new();
    house.done(&["create", "Card", "--test-card"]);
    house.kill_agent();
    fake(
        &mut house,
        &AGENT.replace("        PLAY\n", play.trim_start_matches('\n')),
    );
    house.done(&["start", "Card"]);
    house
}

#[test]
fn text_and_files_go_through_the_agent_and_a_new_owner_takes_it_over() {
    let house = house_with(HONEST);
    wait_for("the agent", 20, || {
        let set = house.orangery(&["clipboard", "set", "Card", "hello there"]);
        set.status.success().then_some(()).ok_or(set)
    });
    let get = |wanted: &str| {
        wait_for("the guest to copy", 20, || {
            let got = house.orangery(&["clipboard", "get", "Card"]);
            let text = String::from_utf8_lossy(&got.stdout).into_owned();
            (text == wanted).then_some(()).ok_or(got)
        });
    };
    get("HELLO THERE");
    let file = house.path().join("a letter.txt");
    let content: Vec<u8> = (0..300_000_u32).map(|it| (it / 11) as u8).collect();
    put(&file, &content);
    put(&house.path().join("empty"), b"");
    house.done(&["send", "Card", "empty", "a letter.txt"]);
    let hash = sha256(&file);
    get(&format!("a letter.txt {hash}"));
    let complaint = house.refused(&["send", "Card", "."]);
    assert!(complaint.contains("pack it into one file"), "{complaint}");

    house.kill_agent();
    wait_for("the agent, greeted anew", 20, || {
        let set = house.orangery(&["clipboard", "set", "Card", "again"]);
        set.status.success().then_some(()).ok_or(set)
    });
    get("AGAIN");

    house.done(&["set", "Card", "share-from-guest=off"]);
    let complaint = house.refused(&["clipboard", "get", "Card"]);
    assert!(complaint.contains("off for Card"), "{complaint}");
    house.done(&["set", "Card", "share-to-guest=off"]);
    for args in [
        ["clipboard", "set", "Card", "x"],
        ["send", "Card", "empty", "empty"],
    ] {
        let complaint = house.refused(&args);
        assert!(complaint.contains("off for Card"), "{complaint}");
    }
}

#[test]
fn an_agent_that_hands_over_without_end_is_refused_and_the_machine_stays_usable() {
    let house = house_with(HOSTILE);
    let complaint = wait_for("the guest to copy", 30, || {
        let got = house.orangery(&["clipboard", "get", "Card"]);
        let text = String::from_utf8_lossy(&got.stderr).into_owned();
        text.contains("is the most that goes over")
            .then_some(text.clone())
            .ok_or(text)
    });
    assert!(complaint.contains("16 MiB"), "{complaint}");
    let owner = house.agent_pid().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{owner}/status")).unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 200 << 10, "{peak}");
    let before = Instant::now();
    house.done(&["power-off", "Card"]);
    assert!(before.elapsed() < Duration::from_secs(60), "it hung");
    assert_eq!(house.state("Card"), "off");
}

#[test]
fn without_an_agent_the_reason_and_the_cure_are_told() {
    let house = House::with_card();
    for args in [
        ["clipboard", "set", "Card", "x"],
        ["send", "Card", ".", "."],
    ] {
        let complaint = house.refused(&args);
        let wanted = ["install spice-vdagent", "pack it into one file"];
        assert!(
            wanted.iter().any(|it| complaint.contains(it)),
            "{complaint}"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own tool")]
fn sha256(file: &std::path::Path) -> String {
    let output = std::process::Command::new("sha256sum")
        .arg(file)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}
