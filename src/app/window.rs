//! Opens the window and runs it until it is closed.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::UserEvent;
use egui::{IconData, ViewportBuilder};
use winit::dpi::LogicalSize;
use winit::event_loop::{ControlFlow, EventLoop};
use winit::window::Window;

use super::App;
use super::backend::{Backend, Waker};
use super::winit_bridge::Bridge;
use crate::desktop::monitor_of;
use crate::model::Failure;

/// The name by which desktops find icon and entry of the window.
const APP_ID: &str = "io.orangery.Orangery";

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(
        "There is no desktop to open a window on: {reason}. Log in to a desktop, or use the command line: orangery --help"
    )]
    NoDesktop { reason: String },
    #[error("The window failed: {reason}. If it stays so, start with LIBGL_ALWAYS_SOFTWARE=1")]
    Window { reason: String },
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::new("Orangery can't open its window", error.to_string())
    }
}

/// Shows the window until it is closed. `waker` is the one that the backend's engine calls.
///
/// `file` opens the dialog for a new machine made from it.
pub fn run(
    backend: Box<dyn Backend>,
    waker: &Waker,
    file: Option<PathBuf>,
) -> Result<(), RunError> {
    let target = EventLoop::<UserEvent>::with_user_event()
        .build()
        .map_err(|error| RunError::NoDesktop {
            reason: error.to_string(),
        })?;
    run_on(target, backend, waker, file)
}

/// As [`run`], on an event loop that is there already.
pub fn run_on(
    target: EventLoop<UserEvent>,
    backend: Box<dyn Backend>,
    waker: &Waker,
    file: Option<PathBuf>,
) -> Result<(), RunError> {
    target.set_control_flow(ControlFlow::Wait);
    let keyboard = super::Keyboard::default();
    let for_app = (keyboard.clone(), waker.clone());
    let inner = eframe::create_native(
        "Orangery",
        options(),
        Box::new(move |creation| {
            let (keyboard, waker) = for_app;
            let mut app = App::new(&creation.egui_ctx, backend, &waker);
            app.keyboard = keyboard;
            if let Some(window) = creation.winit_window() {
                fit_on_monitor(window);
                app.take_keys_of(window, &waker);
            }
            app.follow_desktop(&waker);
            if let Some(file) = file {
                app.shell.dropped(&app.view, &file);
            }
            Ok(Box::new(app))
        }),
        &target,
    );
    let mut bridge = Bridge {
        inner,
        keyboard,
        waker: waker.clone(),
        frames: super::frames::Frames::from_environment(),
    };
    target
        .run_app(&mut bridge)
        .map_err(|error| RunError::Window {
            reason: error.to_string(),
        })
}

/// What a window's frame and the desktop's panels take of a monitor, in points: winit tells neither.
const AROUND: (f64, f64) = (16.0, 80.0);
/// In points.
const FIRST_SIZE: (f64, f64) = (1280.0, 800.0);
const LEAST_SIZE: (f64, f64) = (1024.0, 640.0);

/// Makes the window as much smaller as it takes to be seen whole.
fn fit_on_monitor(window: &Window) {
    let Some(monitor) = monitor_of(window) else {
        return;
    };
    let there = monitor.size().to_logical::<f64>(window.scale_factor());
    let fit =
        |first: f64, there: f64, around: f64, least: f64| first.min(there - around).max(least);
    let size = LogicalSize::new(
        fit(FIRST_SIZE.0, there.width, AROUND.0, LEAST_SIZE.0),
        fit(FIRST_SIZE.1, there.height, AROUND.1, LEAST_SIZE.1),
    );
    if (size.width, size.height) != FIRST_SIZE {
        // Where it does not become so at once, the window is told of its size later.
        let _told_later = window.request_inner_size(size);
    }
}

fn options() -> eframe::NativeOptions {
    let mut viewport = ViewportBuilder::default()
        .with_app_id(APP_ID)
        .with_title("Orangery")
        .with_inner_size([FIRST_SIZE.0 as f32, FIRST_SIZE.1 as f32])
        .with_min_inner_size([LEAST_SIZE.0 as f32, LEAST_SIZE.1 as f32])
        .with_drag_and_drop(true);
    if let Some(icon) = icon() {
        viewport = viewport.with_icon(icon);
    }
    eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        // It would cost a pass over every guest picture.
        dithering: false,
        persist_window: false,
        ..eframe::NativeOptions::default()
    }
}

fn icon() -> Option<Arc<IconData>> {
    let png = include_bytes!("../../icons/128.png");
    let image = image::load_from_memory(png).ok()?.into_rgba8();
    Some(Arc::new(IconData {
        width: image.width(),
        height: image.height(),
        rgba: image.into_raw(),
    }))
}
