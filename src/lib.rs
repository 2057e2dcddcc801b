//! Orangery: virtual machines on the desktop, over QEMU as an ordinary child process.
//!
//! # Rooms
//!
//! A module may use only what stands right of the arrow; `tests/it/tidy.rs` holds it.
//!
//! ```text
//! main     → cli, app
//! cli      → app, console, engine, terminal::Filter, model
//! app      → ui, desktop, engine, language, terminal, model
//! console  → display, desktop, engine::{client, message, parcel, relay}, language, model
//! ui       → display::frame, terminal, engine::message, language, model
//! engine   → confine, library, qemu, display, storage, guest, desktop::sound, model
//! storage, display, guest → qemu, confine, library, model
//! qemu     → confine, model
//! library, confine, desktop → model
//! engine, storage, qemu, library → step
//! ```
//!
//! | room | its job | knows nothing of |
//! |---|---|---|
//! | [`model`] | what a machine is, what is allowed when | files, clocks, threads, QEMU, egui |
//! | [`library`] | what lies on disk: atomic saves, versioned RON, lock, trash | QEMU, threads, windows |
//! | [`confine`] | running other programs, fenced in; the only place that spawns | machines |
//! | [`qemu`] | the only place with QEMU words: probe, command line, process, QMP, memory store | the library, egui |
//! | [`storage`] | image headers, new layers, chains and what is inside them | machines' states |
//! | [`display`] | the guest's screen over D-Bus or RFB behind one slot | QMP, egui |
//! | [`guest`] | the agent in a guest's desktop: clipboard, dropped files | machines' states, QMP |
//! | [`engine`] | the owner: supervisor, a worker per machine, jobs, the control socket | egui |
//! | [`ui`] | draws data, pushes commands | threads, files, processes |
//! | [`app`] | ties the engine to the screens | QEMU |
//! | [`console`] | a machine's own window, a process of its own | egui's windows, the library |
//! | [`terminal`] | a serial console: emulator, its thread, its picture as plain data | egui, machines, the engine |
//! | [`language`] | texts in the language of the window | everything else |
//! | [`desktop`] | the host desktop: taking the keyboard, dark or light | machines |
//! | `step` | named steps of work on disk, for tests; nothing in a release | everything else |
//! | [`cli`] | subcommands over the same engine | QEMU |
//!
//! # One click, from finger to pixel
//!
//! A button asks [`model::permit`]: refused is grey with the reason. A click pushes an
//! [`engine::Command`]; `App` hands it to the engine, which never blocks the caller. The
//! supervisor asks `permit` again and passes it to the machine's worker, the one thread that owns
//! QEMU's process, its sockets and its state. What becomes of it comes back as whole values with
//! a generation ([`model::MachineReport`]); `App::logic` folds them into the view, the next frame
//! draws it. Pictures don't queue: a screen has a slot that the producer overwrites.
//!
//! # Who owns what
//!
//! Exactly one process owns a library: a window, or `orangery agent` when no window is open. It
//! holds the lock, writes the library, and has QEMU's monitors. Everyone else is a client of its
//! `control` socket, or only reads files. QEMU outlives the owner; the next one adopts it from
//! the launch manifest in the runtime folder. Hand-over and recovery from a crash are the same
//! thing.
//!
//! # Where to start reading
//!
//! `model/permit.rs`, then `engine/supervisor/mod.rs`, `engine/worker/mod.rs`, `ui/view.rs`.

pub mod app;
pub mod cli;
pub mod confine;
pub mod console;
pub mod desktop;
pub mod display;
pub mod engine;
pub mod guest;
pub mod language;
pub mod library;
pub mod model;
pub mod qemu;
mod step;
pub mod storage;
pub mod terminal;
pub mod ui;
