//! The dialog that makes a machine: everything on one page, with good defaults.
//!
//! A file is looked at by the engine; what it was found to be decides the rest. Whoever is faster
//! than that look and asks for the machine gets it when the look is done.

mod advice;
mod shape;
mod source;
mod templates;

use std::path::{Path, PathBuf};

use egui::{Key, Modifiers, ScrollArea, Ui};

use super::Ask;
use super::icon::Icon;
use super::kit;
use super::view::View;
use crate::engine::message::Command;
use crate::language::{told, tr};
use crate::model::{
    ByteSize, Era, Failure, FileKind, FirmwareKind, Flavor, NewMachine, Recognised, Source,
    check_name, free_name, read_memory,
};

/// What a new machine starts from, as a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An installer or a disk image: the file tells.
    File,
    Empty,
    TestCard,
}

/// What becomes of a disk image that could be used where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The safer way: whatever the guest does, the user's file stays as it is.
    Copy,
    InPlace,
}

/// What is known of the file in the field.
enum Look {
    /// Nothing is written there that could be looked at.
    Nothing,
    Looking,
    Found(Recognised),
    Failed(Failure),
}

/// What has been typed so far.
pub struct NewMachineDialog {
    kind: Kind,
    path: String,
    look: Look,
    /// The path that the engine looks at now: one after the other.
    asked: Option<String>,
    place: Place,
    name: String,
    /// The name was typed, so a new file does not change it.
    named: bool,
    /// A size or a part was chosen, so what is found does not change it.
    shaped: bool,
    /// `None` for a size of its own.
    flavor: Option<Flavor>,
    cpus: u32,
    memory: String,
    disk: String,
    firmware: FirmwareKind,
    era: Era,
    experiment: bool,
    more: bool,
    /// Complaints about what was never touched wait for the first try.
    tried: bool,
    focused: bool,
    /// Asked for while the file is still looked at: to be started or not.
    wish: Option<bool>,
}

impl NewMachineDialog {
    /// Opens empty, or from a dropped file.
    pub fn new(view: &View, file: Option<&Path>) -> Self {
        let mut dialog = Self {
            kind: Kind::File,
            path: String::new(),
            look: Look::Nothing,
            asked: None,
            place: Place::Copy,
            name: String::new(),
            named: false,
            shaped: false,
            flavor: None,
            cpus: 1,
            memory: String::new(),
            disk: String::new(),
            firmware: FirmwareKind::Bios,
            era: Era::default(),
            experiment: false,
            more: false,
            tried: false,
            focused: false,
            wish: None,
        };
        dialog.suggest(view);
        if let Some(file) = file {
            dialog.take_file(view, file);
        }
        dialog
    }

    /// Opens again with what could not be made, so that nothing has to be typed twice.
    pub fn again(view: &View, spec: &NewMachine) -> Self {
        let (kind, path) = match &spec.source {
            Source::Iso(path) | Source::Disk(path) | Source::Copy(path) => (Kind::File, Some(path)),
            Source::Empty => (Kind::Empty, None),
            Source::TestCard { .. } => (Kind::TestCard, None),
        };
        let place = match spec.source {
            Source::Disk(_) => Place::InPlace,
            _ => Place::Copy,
        };
        let (cpus, memory) = host(view);
        Self {
            kind,
            path: path.map_or_else(String::new, |path| path.display().to_string()),
            look: Look::Looking,
            place,
            name: spec.name.clone(),
            named: true,
            shaped: true,
            flavor: Flavor::of((spec.cpus, spec.memory), cpus, memory),
            cpus: spec.cpus,
            memory: spec.memory.to_string(),
            disk: spec.disk_size.to_string(),
            firmware: spec.firmware,
            era: spec.era,
            experiment: spec.experiment,
            tried: true,
            ..Self::new(view, None)
        }
    }

    /// A file that was dropped or chosen.
    pub fn take_file(&mut self, view: &View, file: &Path) {
        self.kind = Kind::File;
        self.path = file.display().to_string();
        self.focused = true; // The file is there; Enter goes on.
        self.path_changed(view);
    }

    fn path_changed(&mut self, view: &View) {
        self.look = match self.path.trim().starts_with('/') {
            true => Look::Looking,
            false => Look::Nothing,
        };
        self.wish = None;
        self.shaped = false;
        self.suggest(view);
    }

    /// What the engine found at `path`.
    pub fn looked(&mut self, view: &View, path: &Path, found: Result<Recognised, Failure>) {
        if self.asked.as_deref().map(Path::new) == Some(path) {
            self.asked = None;
        }
        if self.kind != Kind::File || Path::new(self.path.trim()) != path {
            return;
        }
        self.look = match found {
            Ok(found) => Look::Found(found),
            Err(failure) => Look::Failed(failure),
        };
        self.suggest(view);
    }

    fn found(&self) -> Option<&Recognised> {
        match &self.look {
            Look::Found(found) if self.kind == Kind::File => Some(found),
            _ => None,
        }
    }

    /// Fills in what suits the source, unless it was chosen by hand.
    fn suggest(&mut self, view: &View) {
        let (cpus, memory) = host(view);
        let mut suggestion = NewMachine::suggest(self.source(), cpus, memory);
        if let Some(found) = self.found() {
            suggestion = suggestion.suited(found, cpus, memory);
        }
        if !self.named {
            let name = match suggestion.name.as_str() {
                NewMachine::NO_NAME => tr(NewMachine::NO_NAME),
                name => name,
            };
            self.name = free_name(name, &view.names());
        }
        if self.shaped {
            return;
        }
        let size = (suggestion.cpus, suggestion.memory);
        self.flavor = Flavor::of(size, cpus, memory);
        self.cpus = suggestion.cpus;
        self.memory = suggestion.memory.to_string();
        self.disk = suggestion.disk_size.to_string();
        self.firmware = suggestion.firmware;
        self.era = suggestion.era;
    }

    fn source(&self) -> Source {
        let path = PathBuf::from(self.path.trim());
        match (self.kind, self.found().map(|found| &found.kind)) {
            (Kind::File, Some(FileKind::Disk { .. })) if self.place == Place::InPlace => {
                Source::Disk(path)
            }
            (Kind::File, Some(FileKind::Disk { .. } | FileKind::Foreign { .. })) => {
                Source::Copy(path)
            }
            (Kind::File, _) => Source::Iso(path),
            (Kind::Empty, _) => Source::Empty,
            (Kind::TestCard, _) => Source::TestCard {
                ballast: ByteSize(0),
            },
        }
    }

    fn has_new_disk(&self) -> bool {
        matches!(self.source(), Source::Iso(_) | Source::Empty)
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        self.ask_for_look(asks);
        if self.wish_come_true(view, asks) {
            return false;
        }
        let complaints = self.complaints(view);
        let title = tr("New machine");
        // Title, buttons and the frame around them take the rest.
        let room = ui.ctx().content_rect().height() - 200.0;
        let mut warm = false;
        let (done, dismissed) = kit::modal(ui, "new machine", 640.0, title, |ui| {
            ScrollArea::vertical()
                .max_height(room.max(200.0))
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 12.0;
                    warm = templates::templates_ui(ui, view, asks);
                    self.source_ui(ui, view, &complaints, asks);
                    ui.separator();
                    self.shape_ui(ui, view, &complaints);
                    self.advice_ui(ui, view);
                });
            ui.add_space(8.0);
            self.end_ui(ui, &complaints, asks)
        });
        !(done || warm || dismissed)
    }

    /// Has the newest path looked at, once the last look is over.
    fn ask_for_look(&mut self, asks: &mut Vec<Ask>) {
        let waits = self.kind == Kind::File && matches!(self.look, Look::Looking);
        if waits && self.asked.is_none() {
            let path = self.path.trim().to_owned();
            asks.push(Ask::Engine(Command::Recognise {
                path: PathBuf::from(&path),
            }));
            self.asked = Some(path);
        }
    }

    /// Asks for what was wished while the file was looked at.
    fn wish_come_true(&mut self, view: &View, asks: &mut Vec<Ask>) -> bool {
        if self.looking() {
            return false;
        }
        let wish = self.wish.take();
        match wish.filter(|_| self.complaints(view).none()) {
            Some(start) => self.create(start, asks),
            None => false,
        }
    }

    fn looking(&self) -> bool {
        self.kind == Kind::File && matches!(self.look, Look::Looking)
    }

    /// The buttons; returns whether the dialog is done.
    fn end_ui(&mut self, ui: &mut Ui, complaints: &Complaints, asks: &mut Vec<Ask>) -> bool {
        let ready = complaints.none() && self.wish.is_none();
        let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        let mut create = None;
        let mut cancel = false;
        kit::footer(ui, |ui| {
            if kit::primary(ui, ready, Some(Icon::Play), tr("Create & start")).clicked() {
                create = Some(true);
            }
            if kit::secondary(ui, ready, None, tr("Create")).clicked() {
                create = Some(false);
            }
            cancel = kit::secondary(ui, true, None, tr("Cancel")).clicked();
            // At the left end, whatever the direction that buttons are laid out in.
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let tick = kit::check(ui, &mut self.experiment, tr("Experiment"));
                tick.on_hover_text(tr(
                    "Checkpoints every 5 minutes and before each change, in up to 10 GiB: whatever you try, you can go back",
                ));
            });
        });
        if entered && create.is_none() && !cancel {
            self.tried = true;
            create = ready.then_some(true);
        }
        match create {
            Some(start) if self.looking() => {
                self.wish = Some(start);
                false
            }
            Some(start) => self.create(start, asks),
            None => cancel,
        }
    }

    fn create(&self, start: bool, asks: &mut Vec<Ask>) -> bool {
        let Some(spec) = self.spec() else {
            return false;
        };
        asks.push(Ask::Engine(Command::Create { spec, start }));
        true
    }

    /// What to create, once nothing is wrong with it.
    fn spec(&self) -> Option<NewMachine> {
        Some(NewMachine {
            name: self.name.clone(),
            source: self.source(),
            cpus: self.cpus,
            memory: self.memory.parse().ok()?,
            disk_size: self.disk.parse().ok()?,
            firmware: self.firmware,
            era: self.era,
            experiment: self.experiment,
        })
    }

    fn complaints(&self, view: &View) -> Complaints {
        Complaints {
            path: self.path_complaint(),
            name: check_name(&self.name, view.names())
                .err()
                .map(|error| told(&error.to_string()).into_owned()),
            memory: memory_complaint(&self.memory),
            disk: self
                .has_new_disk()
                .then(|| disk_complaint(&self.disk))
                .flatten(),
        }
    }

    fn path_complaint(&self) -> Option<String> {
        let path = self.path.trim();
        if self.kind != Kind::File {
            return None;
        }
        if path.is_empty() {
            return Some(tr("Choose a file").to_owned());
        }
        match &self.look {
            Look::Nothing => Some(tr("Write the whole path, starting with “/”").to_owned()),
            Look::Looking => None,
            Look::Failed(failure) => Some(told(&failure.why).into_owned()),
            Look::Found(found) => match &found.kind {
                FileKind::Unusable { why } => Some(told(why).into_owned()),
                FileKind::Iso { .. } | FileKind::Disk { .. } | FileKind::Foreign { .. } => None,
            },
        }
    }
}

/// Processors and memory of this computer; a guess until it was looked at.
fn host(view: &View) -> (u32, ByteSize) {
    view.computer
        .as_ref()
        .map_or((2, ByteSize::gib(8)), |computer| {
            (computer.cpus, computer.memory_total)
        })
}

fn memory_complaint(text: &str) -> Option<String> {
    let why = read_memory(text).err()?;
    Some(told(&why).into_owned())
}

fn disk_complaint(text: &str) -> Option<String> {
    match text.parse::<ByteSize>() {
        Err(error) => Some(told(&error.to_string()).into_owned()),
        Ok(size) if size < ByteSize::mib(1) => Some(tr("A disk needs 1 MiB at least").to_owned()),
        Ok(size) if size > ByteSize::gib(65_536) => Some(tr("That is more than 64 TiB").to_owned()),
        Ok(_) => None,
    }
}

/// What is wrong with each field.
struct Complaints {
    path: Option<String>,
    name: Option<String>,
    memory: Option<String>,
    disk: Option<String>,
}

impl Complaints {
    fn none(&self) -> bool {
        self.path.is_none() && self.name.is_none() && self.memory.is_none() && self.disk.is_none()
    }
}
