//! A desktop for tests: an X server of our own, a window manager, and hands to press keys and move the pointer.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop there, and runs programs itself"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The computer may be busy with other tests, and then a guest takes half a minute to its first picture.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Programs without which there is no desktop.
const TOOLS: [(&str, &str); 4] = [
    ("Xvfb", "xvfb"),
    ("openbox", "openbox"),
    ("xdotool", "xdotool"),
    ("import", "imagemagick"),
];

/// An X server with openbox. Both end with it.
pub struct Desktop {
    display: String,
    children: Vec<Child>,
    /// The server's own files, if it has some.
    _folder: Option<tempfile::TempDir>,
}

/// An Xorg without a graphics card, with two monitors that are not there.
const DUMMY: &str = r#"
Section "ServerFlags"
    Option "AutoAddDevices" "false"
    Option "AutoEnableDevices" "false"
EndSection
Section "Device"
    Identifier "card"
    Driver "dummy"
    VideoRam 65536
EndSection
Section "Monitor"
    Identifier "monitor"
    HorizSync 1-200
    VertRefresh 1-200
    LEFT
    RIGHT
EndSection
Section "Screen"
    Identifier "screen"
    Device "card"
    Monitor "monitor"
    DefaultDepth 24
    SubSection "Display"
        Depth 24
        Virtual VIRTUAL
        Modes "FIRST"
    EndSubSection
EndSection
"#;

/// A window's or the screen's pixels, packed RGB.
#[derive(Clone, PartialEq, Eq)]
pub struct Shot {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Desktop {
    /// `None`, with a word on why, where a program is missing.
    pub fn start(width: u32, height: u32) -> Option<Self> {
        for (tool, package) in TOOLS {
            let found = Command::new("sh")
                .args(["-c", &format!("command -v {tool}")])
                .stdout(Stdio::null())
                .status()
                .unwrap();
            if !found.success() {
                println!("skipped: needs {tool} (package {package})");
                return None;
            }
        }
        let mut server = Command::new("Xvfb");
        server.args(["-screen", "0"]);
        server.arg(format!("{width}x{height}x24"));
        Some(Self::on(server, None).expect("Xvfb starts"))
    }

    /// A desktop of two monitors side by side, of these sizes. `None`, with a word on why, where it can't be had.
    pub fn with_two_monitors(left: (u32, u32), right: (u32, u32)) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let [xorg, driver] = [
            "/usr/lib/xorg/Xorg",
            "/usr/lib/xorg/modules/drivers/dummy_drv.so",
        ];
        if !std::path::Path::new(driver).exists() {
            println!(
                "skipped: needs Xorg with its dummy driver (package xserver-xorg-video-dummy)"
            );
            return None;
        }
        if Command::new("xrandr").arg("--version").output().is_err() {
            println!("skipped: needs xrandr (package x11-xserver-utils)");
            return None;
        }
        let mode = |(w, h): (u32, u32)| {
            let wide = [w, w + 1, w + 2, w + 3].map(|at| at.to_string()).join(" ");
            let tall = [h, h + 1, h + 2, h + 3].map(|at| at.to_string()).join(" ");
            format!("Modeline \"{w}x{h}\" 100 {wide} {tall}")
        };
        let text = DUMMY
            .replace("LEFT", &mode(left))
            .replace("RIGHT", &mode(right))
            .replace("FIRST", &format!("{}x{}", left.0, left.1))
            .replace(
                "VIRTUAL",
                &format!("{} {}", left.0 + right.0, left.1.max(right.1)),
            );
        let config = folder.path().join("xorg.conf");
        std::fs::write(&config, text).unwrap();
        let mut server = Command::new(xorg);
        server.arg("-config").arg(&config);
        server.arg("-logfile").arg(folder.path().join("log"));
        server.args(["-noreset", "-novtswitch", "-sharevts"]);
        let Some(desktop) = Self::on(server, Some(folder)) else {
            println!("skipped: Xorg does not start here without a console of its own");
            return None;
        };
        let [first, second] = [left, right].map(|(w, h)| format!("{w}x{h}"));
        let beside = format!("{}x0", left.0);
        for arguments in [
            &["--addmode", "DUMMY1", &second][..],
            &["--output", "DUMMY0", "--mode", &first, "--pos", "0x0"],
            &["--output", "DUMMY1", "--mode", &second, "--pos", &beside],
        ] {
            let done = desktop.command("xrandr").args(arguments).status().unwrap();
            assert!(done.success(), "{arguments:?}");
        }
        Some(desktop)
    }

    /// `None` if the server does not come up.
    fn on(mut server: Command, folder: Option<tempfile::TempDir>) -> Option<Self> {
        let mut server = server
            .args(["-displayfd", "1", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        let out = server.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut number).unwrap();
        let mut desktop = Self {
            display: format!(":{}", number.trim()),
            children: vec![server],
            _folder: folder,
        };
        if number.trim().is_empty() {
            return None;
        }
        let manager = desktop.command("openbox").stderr(Stdio::null()).spawn();
        desktop.children.push(manager.unwrap());
        Some(desktop)
    }

    /// A program on this desktop and on no other.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdin(Stdio::null());
        command
    }

    /// The X server's name: ":7".
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The X server's process id.
    pub fn server(&self) -> u32 {
        self.children[0].id()
    }

    /// Runs xdotool; returns what it says.
    pub fn xdotool(&self, arguments: &str) -> String {
        let output = self.command("xdotool").args(arguments.split(' ')).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    /// Waits for a visible window whose title holds `title`.
    pub fn window(&self, title: &str) -> String {
        let mut id = String::new();
        wait(&format!("a window called {title}"), || {
            let search = ["search", "--onlyvisible", "--name", title];
            let found = self.command("xdotool").args(search).output().unwrap();
            let lines = String::from_utf8(found.stdout).unwrap();
            id = lines.lines().next().unwrap_or_default().to_owned();
            !id.is_empty()
        });
        id
    }

    /// X, y, width and height of a window.
    pub fn place(&self, window: &str) -> [i32; 4] {
        let text = self.xdotool(&format!("getwindowgeometry --shell {window}"));
        ["X=", "Y=", "WIDTH=", "HEIGHT="].map(|name| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.parse().ok()).unwrap_or(-1)
        })
    }

    pub fn shot(&self, window: &str) -> Shot {
        let arguments = ["-silent", "-window", window, "-depth", "8", "ppm:-"];
        let output = self.command("import").args(arguments).output().unwrap();
        let picture = orangery::display::ppm::parse(&output.stdout, 1 << 26).unwrap();
        let rgb = picture.rgba.chunks(4).flat_map(|pixel| pixel[..3].to_vec());
        Shot {
            width: picture.width as usize,
            height: picture.height as usize,
            rgb: rgb.collect(),
        }
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl Shot {
    /// The part from `x`, `y` on, `width` by `height` pixels.
    pub fn part(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let rows = self.rgb.chunks(self.width * 3).skip(y).take(height);
        Self {
            width,
            height,
            rgb: rows
                .flat_map(|row| row[x * 3..(x + width) * 3].to_vec())
                .collect(),
        }
    }
}

#[track_caller]
pub fn wait(what: &str, mut until: impl FnMut() -> bool) {
    let start = Instant::now();
    while !until() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
