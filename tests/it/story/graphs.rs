//! The figures of the graphs beside what the kernel, QEMU and the guest itself say.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use orangery::qemu::qmp::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::debian::{Shell, debian_in};
use super::{House, kill, wait_for};
use crate::guests::alone;

/// How far two figures for the same thing may lie apart.
const APART: f64 = 0.05;
const SOON: Duration = Duration::from_secs(20);

/// `orangery stats --watch`, with all it has printed.
struct Watch {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Watch {
    fn of(house: &House, name: &str) -> Self {
        let mut command = house.command(&["stats", name, "--watch", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (heard, out) = (Arc::clone(&lines), child.stdout.take().unwrap());
        std::thread::Builder::new()
            .spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    let value = serde_json::from_str(&line).unwrap();
                    heard.lock().unwrap().push(value);
                }
            })
            .unwrap();
        Self { child, lines }
    }

    fn all(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// A measurement that was begun from now on.
    #[track_caller]
    fn fresh(&self) -> Value {
        let before = self.all().len();
        wait_for("two more measurements", 20, || {
            let all = self.all();
            (all.len() >= before + 3)
                .then(|| all[all.len() - 1].clone())
                .ok_or(all.len())
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        kill(self.child.id(), Signal::TERM); // `timeout` passes it on.
        self.child.wait().unwrap();
    }
}

#[track_caller]
fn check_near(what: &str, ours: f64, theirs: f64) {
    println!("{what}: {ours:.3} and {theirs:.3}");
    let apart = (ours - theirs).abs() / theirs.abs().max(f64::MIN_POSITIVE);
    assert!(apart <= APART, "{what}: {ours} is not {theirs}");
}

/// Compares how two counters have grown, in MiB; each is given before and after.
#[track_caller]
fn check_grown(what: [&str; 2], ours: [(f64, f64); 2], theirs: [(f64, f64); 2]) {
    let grown = |[before, after]: [(f64, f64); 2]| {
        [after.0 - before.0, after.1 - before.1].map(|bytes| bytes / 1048576.0)
    };
    let pairs = grown(ours).into_iter().zip(grown(theirs));
    for (what, (ours, theirs)) in what.into_iter().zip(pairs) {
        check_near(what, ours, theirs);
    }
}

/// Seconds that the guest's processors have run, by their threads' names (`CPU 0/TCG`).
fn processor_seconds(pid: u32) -> f64 {
    let mut ticks = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .flatten()
    {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        if let Some((name, rest)) = stat.rsplit_once(") ")
            && name.contains("(CPU ")
        {
            let fields: Vec<u64> = rest
                .split(' ')
                .skip(11)
                .take(2)
                .flat_map(str::parse)
                .collect();
            ticks += fields.iter().sum::<u64>();
        }
    }
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn boot(house: &House) -> Option<Shell> {
    debian_in(house)?;
    house.done(&["start", "Debian"]);
    let mut shell = Shell::of(house, "Debian");
    shell.wait_for_login();
    Some(shell)
}

#[test]
fn graphs_agree_with_the_kernel_with_qemu_and_with_the_guest() {
    let _alone = alone();
    let house = House::new();
    let Some(mut shell) = boot(&house) else {
        return;
    };
    // One for each, because a run of the program may only take so long.
    let watch = || Watch::of(&house, "Debian");
    processors_agree(&house, &watch(), &mut shell);
    memory_agrees(&house, &watch(), &mut shell);
    disks_agree(&house, &watch(), &mut shell);
    let last = watch();
    network_agrees(&last, &mut shell);
    the_guest_goes_on_while_nobody_reads(&house, &mut shell);
    drop(last);
    the_guest_goes_on_without_an_owner(&house);
}

fn processors_agree(house: &House, watch: &Watch, shell: &mut Shell) {
    shell.say("sh -c 'while :; do :; done' & BURN=$!");
    watch.fresh();
    let qemu = house.pid("Debian");
    let first = watch.all().len();
    let (began, before) = (Instant::now(), processor_seconds(qemu));
    std::thread::sleep(Duration::from_secs(20));
    let used = processor_seconds(qemu) - before;
    let kernel = used / began.elapsed().as_secs_f64();
    let samples = watch.all().split_off(first);
    assert!(samples.len() >= 15, "{} samples in 20 s", samples.len());
    let mean =
        |key: &dyn Fn(&Value) -> f64| samples.iter().map(key).sum::<f64>() / samples.len() as f64;
    let ours = mean(&|sample| sample["cpu"].as_f64().unwrap());
    check_near("processors, shares of one", ours, kernel);
    assert!(kernel > 0.1, "the guest does not burn: {kernel}");
    let each = mean(&|sample| {
        let cpus = sample["cpus"].as_array().unwrap();
        assert_eq!(cpus.len(), 2);
        cpus.iter().map(|share| share.as_f64().unwrap()).sum()
    });
    check_near("sum of each processor", each, ours);
    shell.say("kill $BURN");
}

fn memory_agrees(house: &House, watch: &Watch, shell: &mut Shell) {
    let sample = watch.fresh();
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.pid("Debian"))).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let resident = sample["resident"].as_f64().unwrap();
    check_near("resident MiB", resident / 1048576.0, kib / 1024.0);
    let free = "$(awk '/MemTotal/ {t=$2} /MemAvailable/ {a=$2} END {print t-a}' /proc/meminfo)";
    let used: f64 = shell.ask(&format!("echo {free}")).parse().unwrap();
    let ours = wait_for("the balloon's figures", 20, || {
        let sample = watch.fresh();
        sample["guest_used"].as_f64().ok_or(sample)
    });
    check_near("used in the guest, MiB", ours / 1048576.0, used / 1024.0);
}

/// Bytes read and written, as the guest counts them: fields 3 and 7, sectors of 512
/// (Documentation/block/stat.rst).
fn guest_disk(shell: &mut Shell) -> (f64, f64) {
    let text = shell.ask("sync; awk '{print $3, $7}' /sys/block/vda/stat");
    let mut sectors = text
        .split(' ')
        .map(|number| number.parse::<f64>().unwrap() * 512.0);
    (sectors.next().unwrap(), sectors.next().unwrap())
}

/// The same from QEMU, over the machine's second monitor.
fn qemu_disk(house: &House) -> (f64, f64) {
    let (client, _events) = second_monitor(house);
    let blocks = client
        .call_raw("query-blockstats", json!({}), SOON)
        .unwrap();
    let blocks = blocks.as_array().unwrap();
    let disk = blocks.iter().find(|block| {
        let device = block["qdev"].as_str().unwrap_or_default();
        device.contains("/disk0")
    });
    let stats = &disk.unwrap_or_else(|| panic!("{blocks:?}"))["stats"];
    let number = |key: &str| stats[key].as_f64().unwrap();
    (number("rd_bytes"), number("wr_bytes"))
}

fn second_monitor(house: &House) -> (Client, impl Drop) {
    let manifest = std::fs::read(house.launch("Debian").join("launch.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let path = manifest["sockets"]["monitor2"].as_str().unwrap();
    Client::connect(path.as_ref(), SOON).unwrap()
}

fn disks_agree(house: &House, watch: &Watch, shell: &mut Shell) {
    let disk = |sample: &Value| {
        let number = |key: &str| sample[key].as_f64().unwrap();
        (number("disk_read"), number("disk_written"))
    };
    let (guest, ours) = (guest_disk(shell), disk(&watch.fresh()));
    shell.ask("dd if=/dev/urandom of=/root/noise bs=1M count=24 oflag=direct 2>&1 | wc -l");
    shell.ask("dd if=/root/noise of=/dev/null bs=1M iflag=direct 2>&1 | wc -l");
    let (guest_then, ours_then, qemu) = (guest_disk(shell), disk(&watch.fresh()), qemu_disk(house));
    let mib = |bytes: f64| bytes / 1048576.0;
    assert!(mib(guest_then.0 - guest.0) > 20.0 && mib(guest_then.1 - guest.1) > 20.0);
    check_grown(
        ["read, MiB", "written, MiB"],
        [ours, ours_then],
        [guest, guest_then],
    );
    check_near("all that QEMU read, MiB", mib(ours_then.0), mib(qemu.0));
    check_near("all that QEMU wrote, MiB", mib(ours_then.1), mib(qemu.1));
}

/// Takes what the guest sends and sends the same amount back, on a port of this computer.
fn echo_once() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::Builder::new()
        .spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut taken = vec![0; 4 << 20];
            stream.read_exact(&mut taken).unwrap();
            stream.write_all(&taken).unwrap();
        })
        .unwrap();
    (port, thread)
}

/// Sends 4 MiB through the guest's card and takes as much back; the guest says how much came.
fn talk(shell: &mut Shell) {
    let (command, _) = conversation();
    assert_eq!(shell.ask(&command), "4194304");
}

/// The command that talks so, and the thread that ends when all was taken and given back.
fn conversation() -> (String, JoinHandle<()>) {
    let (port, all) = echo_once();
    let command = format!(
        r#"bash -c "exec 3<>/dev/tcp/10.0.2.2/{port}; (head -c 4194304 /dev/zero >&3 &); head -c 4194304 <&3 | wc -c""#
    );
    (command, all)
}

fn guest_network(shell: &mut Shell) -> (f64, f64) {
    let text =
        shell.ask("cd /sys/class/net; cat e*/statistics/rx_bytes e*/statistics/tx_bytes | xargs");
    let mut bytes = text.split(' ').map(|number| number.parse::<f64>().unwrap());
    (bytes.next().unwrap(), bytes.next().unwrap())
}

fn network_agrees(watch: &Watch, shell: &mut Shell) {
    let network = |sample: &Value| {
        let number = |key: &str| {
            sample["nics"]["nic0"][key]
                .as_f64()
                .unwrap_or_else(|| panic!("{sample}"))
        };
        (number("received"), number("sent"))
    };
    let (guest, ours) = (guest_network(shell), network(&watch.fresh()));
    talk(shell);
    let (guest_then, ours_then) = (guest_network(shell), network(&watch.fresh()));
    let mib = |bytes: f64| bytes / 1048576.0;
    assert!(mib(guest_then.0 - guest.0) > 4.0 && mib(guest_then.1 - guest.1) > 4.0);
    check_grown(
        ["received, MiB", "sent, MiB"],
        [ours, ours_then],
        [guest, guest_then],
    );
}

fn the_guest_goes_on_while_nobody_reads(house: &House, shell: &mut Shell) {
    let agent = house.agent_pid().unwrap();
    let (command, all) = conversation();
    shell.ask(&format!(
        "sh -c '(sleep 2; {command} > /tmp/came) > /dev/null 2>&1 &'"
    ));
    kill(agent, Signal::STOP);
    all.join().unwrap();
    kill(agent, Signal::CONT);
    assert_eq!(shell.ask("sh -c 'sleep 1; cat /tmp/came'"), "4194304");
}

/// Objects that count packets in QEMU.
fn counters(house: &House) -> usize {
    let (client, _events) = second_monitor(house);
    let objects = json!({ "path": "/objects" });
    let objects = client.call_raw("qom-list", objects, SOON).unwrap();
    let names = objects
        .as_array()
        .unwrap()
        .iter()
        .map(|object| &object["name"]);
    names
        .filter(|name| name.as_str().unwrap().contains("-count-"))
        .count()
}

fn the_guest_goes_on_without_an_owner(house: &House) {
    assert_eq!(counters(house), 2, "they stay for a minute");
    house.kill_agent();
    talk(&mut Shell::without_owner(house, "Debian"));
    assert_eq!(counters(house), 2);
    // The next owner takes them out when it adopts the machine.
    house.done(&["stats", "Debian"]);
    wait_for("the counters to be gone", 20, || match counters(house) {
        0 => Ok(()),
        left => Err(left),
    });
    talk(&mut Shell::of(house, "Debian"));
}
