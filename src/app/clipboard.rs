//! The clipboards of this computer and of the guest that is shown, and files dropped on its picture.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use egui::{Context, ViewportId};

use super::App;
use crate::desktop::{ClipboardNews, pointer_on_screen};
use crate::engine::message::Command;
use crate::engine::relay::Do;
use crate::language::{fill, tr};
use crate::model::{Answer, ClipKind, Failure, MachineId};
use crate::ui::screen_view::room_of_screen;
use crate::ui::toasts::{Offer, Toast};

/// While something is dragged over the window nothing else tells where it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl App {
    /// Lets the relay see what changed, and does what it says.
    pub(super) fn follow_clipboard(&mut self, shown: Option<MachineId>, ctx: &Context) {
        let now = Instant::now();
        let report = shown.and_then(|machine| self.view.machine(machine));
        let mut todo = self.relay.see(report, now);
        let focused = shown.is_some() && ctx.input(|input| input.focused);
        todo.extend(self.relay.focus(focused, now));
        self.keyboard.hold_pastes(self.relay.wants_paste());
        if self.keyboard.take_paste() {
            todo.extend(self.relay.paste(now));
        }
        while let Some(news) = self.clipboard.take() {
            todo.extend(match news {
                ClipboardNews::Read(read) => self.relay.ours(read),
                ClipboardNews::Written(written) => self.relay.written(written),
                ClipboardNews::Text(_) => Vec::new(), // Asked for by console windows only.
            });
        }
        todo.extend(self.relay.tick(now));
        self.do_all(todo);
        if let Some(due) = self.relay.due() {
            let pause = due.saturating_duration_since(now);
            ctx.request_repaint_after_for(pause.max(Duration::from_millis(1)), ViewportId::ROOT);
        }
    }

    fn do_all(&mut self, todo: Vec<Do>) {
        for one in todo {
            match one {
                Do::Read => {
                    if !self.clipboard.read() {
                        let todo = self.relay.busy();
                        self.do_all(todo); // That reads no more.
                    }
                }
                Do::Write(clip) => {
                    self.clipboard.write(clip);
                }
                Do::Engine(command) => self.send(command),
                Do::LetKeysGo => self.keyboard.let_pastes_go(),
                Do::Ask(kind) => self.ask_to_take(kind),
                Do::Unask => self.view.toasts.withdraw(),
                Do::Given => {
                    let title = tr("The guest has your clipboard").to_owned();
                    let text = tr("Paste it there").to_owned();
                    self.view
                        .toasts
                        .push(Toast::done(title, text, self.view.now));
                }
                Do::Tell(failure) => self.view.fail(failure),
            }
        }
    }

    fn ask_to_take(&mut self, kind: ClipKind) {
        let Some(machine) = self.shell.wants_screen(&self.view) else {
            return;
        };
        let name = self.view.name(machine);
        let title = fill(kind.was_copied(), &[("name", &name)]);
        let text = tr("Take it into your clipboard?").to_owned();
        let toast = Toast::done(title, text, self.view.now);
        self.view.toasts.push(toast.offer(Offer::Take(machine)));
    }

    pub(super) fn give_clipboard(&mut self) {
        let todo = self.relay.give(Instant::now());
        self.do_all(todo);
    }

    pub(super) fn take_clipboard(&mut self) {
        let todo = self.relay.take();
        self.do_all(todo);
    }

    /// The engine's answer to an offer.
    pub(super) fn clipboard_offered(&mut self, answer: Result<Answer, Failure>) {
        let todo = self.relay.offered(answer, Instant::now());
        self.do_all(todo);
    }

    /// The engine's answer to a request for a guest's clipboard.
    pub(super) fn clipboard_taken(&mut self, machine: MachineId, answer: Result<Answer, Failure>) {
        let lost = || Failure::new("The guest's clipboard was not taken over", "It got lost");
        let clip = answer.and_then(|_| self.backend.take_clip(machine).ok_or_else(lost));
        let todo = self.relay.taken(clip);
        self.do_all(todo);
    }

    /// Whose picture is under something that is being dragged; `None` also where that can't be known.
    pub(super) fn guest_under_pointer(&self, ctx: &Context) -> Option<MachineId> {
        let machine = self.shell.wants_screen(&self.view)?;
        let picture = room_of_screen(ctx)?;
        let window = ctx.input(|input| input.viewport().inner_rect)?;
        let (x, y) = pointer_on_screen()?;
        let at = egui::pos2(x as f32, y as f32) / ctx.pixels_per_point() - window.min.to_vec2();
        picture.contains(at).then_some(machine)
    }

    /// Says where what is dragged over the window would go.
    pub(super) fn follow_drag(&mut self, ctx: &Context) {
        let dragged = ctx.input(|input| !input.raw.hovered_files.is_empty());
        self.view.drop_on = if dragged {
            ctx.request_repaint_after_for(LOOK_EVERY, ViewportId::ROOT);
            self.guest_under_pointer(ctx)
        } else {
            None
        };
    }

    pub(super) fn send_files(&mut self, machine: MachineId, files: Vec<PathBuf>) {
        self.send(Command::SendFiles { machine, files });
    }
}
