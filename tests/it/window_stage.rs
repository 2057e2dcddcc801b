//! A home, a desktop and Orangery's own window on it, for tests that use it as a person does.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::card::{self, CardReport};
use crate::console_desktop::{Desktop, Shot};
use crate::window_tree::{Node, SessionBus};

/// For what a click brings about; the computer may be busy with other tests.
pub const SOON: Duration = Duration::from_secs(40);

/// An ordinary user's computer: nothing in the home folder yet.
pub struct Stage {
    pub desktop: Desktop,
    bus: SessionBus,
    home: PathBuf,
    run: PathBuf,
    /// Where it is this stage's own; removed with it.
    _folder: Option<tempfile::TempDir>,
    /// Replaces PATH.
    pub path: Option<String>,
    /// Pixels per point, `WINIT_X11_SCALE_FACTOR`.
    pub scale: f64,
}

impl Stage {
    /// `None`, with a word on why, where a program is missing.
    pub fn new() -> Option<Self> {
        Self::sized(1400, 900)
    }

    pub fn sized(width: u32, height: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("w").tempdir().unwrap();
        let home = folder.path().to_owned();
        let run = home.join("run");
        fs::create_dir(&run).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(&run, private).unwrap();
        let mut stage = Self::at(home, run, (width, height))?;
        stage._folder = Some(folder);
        Some(stage)
    }

    /// On a home that is there already, with its runtime folder.
    pub fn at(home: PathBuf, run: PathBuf, (width, height): (u32, u32)) -> Option<Self> {
        Some(Self {
            desktop: Desktop::start(width, height)?,
            bus: SessionBus::start(&run)?,
            home,
            run,
            _folder: None,
            path: None,
            scale: 1.0,
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Orangery, in this home and on this desktop.
    pub fn orangery(&self, arguments: &[&str]) -> Command {
        let mut command = self.desktop.command(env!("CARGO_BIN_EXE_orangery"));
        command
            .args(arguments)
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", &self.run)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus.address)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("WINIT_X11_SCALE_FACTOR", self.scale.to_string());
        for inherited in [
            "XDG_DATA_HOME",
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "ORANGERY_LIBRARY",
        ] {
            command.env_remove(inherited);
        }
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.orangery(arguments).output().unwrap()
    }

    /// As [`Self::run`], and it has to work.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// `list --json`.
    pub fn machines(&self) -> Vec<Value> {
        serde_json::from_str(&self.ok(&["list", "--json"])).unwrap()
    }

    /// Opens the window and waits until it is painted.
    pub fn open(&self) -> Window<'_> {
        let log = self.file("window.log");
        let errors = File::options().create(true).append(true).open(&log);
        let process = self.orangery(&[]).stderr(errors.unwrap()).spawn().unwrap();
        let window = Window {
            id: self.desktop.window("^Orangery$"),
            stage: self,
            process,
        };
        window.find("New machine");
        // A window manager that started late does not give the focus by itself.
        wait(SOON, "the focus", || {
            self.desktop
                .xdotool(&format!("windowactivate {}", window.id));
            self.desktop.xdotool("getwindowfocus").trim() == window.id
        });
        window
    }

    /// What all windows of this stage wrote to their standard error.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("window.log")).unwrap_or_default()
    }

    /// Processes that run in this home: windows, agents, QEMU.
    fn processes(&self) -> Vec<rustix::process::Pid> {
        let home = format!("HOME={}", self.home.display());
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries
            .filter(|entry| {
                let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
                let mut variables = environment.split(|&byte| byte == 0);
                variables.any(|variable| variable == home.as_bytes())
            })
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(rustix::process::Pid::from_raw)
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the window said:\n{}", self.log());
        }
        for process in self.processes() {
            rustix::process::kill_process(process, rustix::process::Signal::KILL).ok();
        }
    }
}

/// Orangery's window.
pub struct Window<'a> {
    pub stage: &'a Stage,
    pub id: String,
    pub process: Child,
}

impl Window<'_> {
    pub fn widgets(&self) -> Vec<Node> {
        self.stage.bus.widgets(self.process.id())
    }

    /// Waits for a widget of this name; the last one wins, since dialogs come after what they cover.
    #[track_caller]
    pub fn find(&self, name: &str) -> Node {
        self.find_where(name, |node| node.name == name)
    }

    /// Waits for a widget whose name holds `part`.
    #[track_caller]
    pub fn find_part(&self, part: &str) -> Node {
        self.find_where(part, |node| node.name.contains(part))
    }

    #[track_caller]
    pub fn find_where(&self, what: &str, is_it: impl Fn(&Node) -> bool) -> Node {
        let start = Instant::now();
        loop {
            let widgets = self.widgets();
            if let Some(node) = widgets.iter().rfind(|node| is_it(node)) {
                return node.clone();
            }
            if start.elapsed() > SOON {
                let names: Vec<_> = widgets.iter().map(|node| &node.name).collect();
                self.keep("not-found");
                panic!("the window has no “{what}”, only {names:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.widgets().iter().any(|node| node.name == name)
    }

    #[track_caller]
    pub fn wait_gone(&self, name: &str) {
        wait(SOON, &format!("“{name}” to go"), || !self.has(name));
    }

    /// Clicks the widget of this name.
    #[track_caller]
    pub fn click(&self, name: &str) {
        let node = self.find(name);
        self.click_at(node.center());
    }

    /// Turns to a tab of the machine's page; a card in it may have the same name.
    #[track_caller]
    pub fn tab(&self, name: &str) {
        self.find(name);
        let tab = self.widgets().into_iter().find(|node| node.name == name);
        self.click_at(tab.unwrap().center());
    }

    pub fn click_at(&self, (x, y): (i32, i32)) {
        self.stage
            .desktop
            .xdotool(&format!("mousemove {x} {y} click 1"));
    }

    /// Clicks a widget and takes the pointer away at once: what comes next must not find it over a picture, which
    /// would pan with it.
    pub fn click_and_leave(&self, name: &str) {
        let (x, y) = self.find(name).center();
        let [left, top, _, height] = self.widgets()[0].place;
        let (away_x, away_y) = (left + 40, top + height / 2);
        self.stage.desktop.xdotool(&format!(
            "mousemove {x} {y} click 1 mousemove {away_x} {away_y}"
        ));
    }

    /// Presses keys by xdotool's names.
    pub fn keys(&self, keys: &str) {
        self.stage
            .desktop
            .xdotool(&format!("key --delay 40 {keys}"));
    }

    /// Types with pauses that a software-emulated guest keeps up with.
    pub fn type_text(&self, text: &str) {
        let status = self
            .stage
            .desktop
            .command("xdotool")
            .args(["type", "--delay", "40", text])
            .status();
        assert!(status.unwrap().success());
    }

    /// The window's pixels.
    pub fn shot(&self) -> Shot {
        self.stage.desktop.shot(&self.id)
    }

    /// The pixels of a widget.
    pub fn shot_of(&self, node: &Node) -> Shot {
        let all = self.stage.desktop.shot("root");
        let [left, top, width, height] = node.place.map(|at| at.max(0) as usize);
        let width = width.min(all.width - left);
        let height = height.min(all.height - top);
        all.part(left, top, width, height)
    }

    /// The test card as the window shows it at 1:1, once it is as `until` says.
    #[track_caller]
    pub fn card(&self, what: &str, until: impl Fn(&CardReport) -> bool) -> CardReport {
        let start = Instant::now();
        let mut last = None;
        while start.elapsed() < SOON {
            let shot = self.shot_of(&self.card_place());
            let read = card::decode_rgb(&shot.rgb, shot.width, shot.height);
            if let Ok(report) = read
                && until(&report)
            {
                return report;
            }
            last = Some(read);
            std::thread::sleep(Duration::from_millis(50));
        }
        self.keep("not-the-card");
        panic!("waited in vain for {what}; last seen: {last:?}");
    }

    /// Where the test card lies: it has taken the size of its place.
    pub fn card_place(&self) -> Node {
        self.find("The guest's screen")
    }

    /// Closes the window by the X at the right of openbox's title bar, which is 20 pixels high.
    pub fn close_by_x(&self) {
        let [x, y, width, _] = self.widgets()[0].place;
        self.click_at((x + width - 12, y - 11));
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn wait_closed(&mut self) {
        let mut status = None;
        wait(SOON, "the window to close", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let log = self.stage.log();
        assert!(status.unwrap().success(), "{log}");
    }

    /// Kills the process as a crash would.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Keeps a picture of the window where `ORANGERY_PICTURES` says.
    pub fn keep(&self, name: &str) {
        if let Some(folder) = std::env::var_os("ORANGERY_PICTURES") {
            let shot = self.shot();
            let path = Path::new(&folder).join(format!("{name}.png"));
            let size = (shot.width as u32, shot.height as u32);
            let image = image::RgbImage::from_raw(size.0, size.1, shot.rgb).unwrap();
            image.save(&path).unwrap();
            println!("kept {}", path.display());
        }
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep("failed");
        }
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[track_caller]
pub fn wait(patience: Duration, what: &str, mut until: impl FnMut() -> bool) {
    let start = Instant::now();
    while !until() {
        assert!(start.elapsed() < patience, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
