//! A Wayland compositor for tests: one full-screen window, shown at any scale of the desktop, as wp_fractional_scale_v1
//! and wp_viewporter have it. It rounds edges to physical pixels, as sway and KWin do, and mixes no colours.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop there"
)]

mod protocols;
mod requests;
mod surface;

use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use wayland_server::Display;
use wayland_server::protocol::wl_compositor::WlCompositor;
use wayland_server::protocol::wl_output::WlOutput;
use wayland_server::protocol::wl_shm::WlShm;
use wayland_server::protocol::wl_subcompositor::WlSubcompositor;

use crate::console_desktop::Shot;
use protocols::fractional_scale::wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1;
use protocols::viewporter::wp_viewporter::WpViewporter;
use protocols::xdg_shell::xdg_wm_base::XdgWmBase;
use surface::Scene;

/// Between two pictures.
const FRAME: Duration = Duration::from_millis(10);

/// What the compositor is like.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Of the window, in logical pixels.
    pub size: (u32, u32),
    /// 120ths.
    pub scale: u32,
    /// Without it neither scaling nor fractions are offered.
    pub viewporter: bool,
}

/// Runs in a thread of its own until it is dropped.
pub struct Compositor {
    folder: tempfile::TempDir,
    scene: Arc<Mutex<Scene>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Compositor {
    pub fn start(kind: Kind) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("compositor")
            .tempdir()
            .unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(folder.path(), private).unwrap();
        let listener = UnixListener::bind(folder.path().join("wayland-1")).unwrap();
        let scene = Arc::new(Mutex::new(Scene::new(kind)));
        let stop = Arc::new(AtomicBool::new(false));
        let (ours, ended) = (Arc::clone(&scene), Arc::clone(&stop));
        let run = move || run(kind, &listener, &ours, &ended);
        let thread = std::thread::Builder::new().name("compositor".to_owned());
        Self {
            folder,
            scene,
            stop,
            thread: Some(thread.spawn(run).unwrap()),
        }
    }

    /// A program on this desktop and on no other.
    #[expect(clippy::disallowed_methods, reason = "tests run programs themselves")]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("WAYLAND_DISPLAY", "wayland-1")
            .env_remove("DISPLAY")
            .stdin(Stdio::null());
        command
    }

    /// All that is seen, in physical pixels.
    pub fn shot(&self) -> Shot {
        self.scene.lock().unwrap().shot()
    }

    /// The numbers of the files whose pixels are seen.
    pub fn files(&self) -> Vec<u64> {
        self.scene.lock().unwrap().files()
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn run(kind: Kind, listener: &UnixListener, scene: &Mutex<Scene>, stop: &AtomicBool) {
    let mut display: Display<Scene> = Display::new().unwrap();
    let mut handle = display.handle();
    handle.create_global::<Scene, WlCompositor, ()>(5, ());
    handle.create_global::<Scene, WlSubcompositor, ()>(1, ());
    handle.create_global::<Scene, WlShm, ()>(1, ());
    handle.create_global::<Scene, XdgWmBase, ()>(1, ());
    handle.create_global::<Scene, WlOutput, ()>(2, ());
    if kind.viewporter {
        handle.create_global::<Scene, WpViewporter, ()>(1, ());
        handle.create_global::<Scene, WpFractionalScaleManagerV1, ()>(1, ());
    }
    listener.set_nonblocking(true).unwrap();
    while !stop.load(Ordering::Acquire) {
        if let Ok((stream, _)) = listener.accept() {
            handle.insert_client(stream, Arc::new(())).unwrap();
        }
        let mut scene = scene.lock().unwrap();
        display.dispatch_clients(&mut scene).unwrap();
        scene.ask_for_pictures();
        drop(scene);
        display.flush_clients().unwrap();
        std::thread::sleep(FRAME);
    }
}
