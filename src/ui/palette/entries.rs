//! What the palette offers: the window's errands, the verbs for what is open or marked, every
//! machine, the trash and the most used settings.

use super::fuzzy;
use crate::engine::message::{Command, LabCommand};
use crate::language::{fill, told, tr};
use crate::model::{Action, MachineReport, Settings, ThemeChoice};
use crate::ui::actions::{self, Errand};
use crate::ui::icon::Icon;
use crate::ui::view::View;
use crate::ui::{Ask, kit, library, screens, snapshot_dialog};

/// One command.
#[derive(Clone, Debug)]
pub struct Entry {
    pub title: String,
    pub icon: Icon,
    /// The shortcut, as it is written.
    pub keys: Option<String>,
    /// Why it can't be had now.
    pub verdict: Result<(), String>,
    pub asks: Vec<Ask>,
    /// The title as it is searched.
    pub(super) search: Vec<char>,
}

/// What commands can be about.
pub struct Scene<'a> {
    pub view: &'a View,
    /// The machine whose page is open.
    pub shown: Option<&'a MachineReport>,
    /// The machines marked in the list.
    pub marked: &'a [&'a MachineReport],
}

impl Entry {
    fn new(title: String, icon: Icon, ask: Ask) -> Self {
        Self {
            search: fuzzy::letters(&title),
            title,
            icon,
            keys: None,
            verdict: Ok(()),
            asks: vec![ask],
        }
    }

    fn keys(mut self, shortcut: Option<egui::KeyboardShortcut>) -> Self {
        self.keys = shortcut.as_ref().map(kit::shortcut_text);
        self
    }

    fn verdict(mut self, verdict: Result<(), String>) -> Self {
        self.verdict = verdict.map_err(|why| told(&why).into_owned());
        self
    }
}

/// Every command there is: what is possible now before what is not.
pub fn entries(scene: &Scene<'_>) -> Vec<Entry> {
    let mut all = Vec::new();
    marked(scene, &mut all);
    if let Some(report) = scene.shown {
        verbs(scene.view, report, &mut all);
    }
    errands(scene, &mut all);
    settings(scene.view, &mut all);
    trash(scene.view, &mut all);
    labs(scene.view, &mut all);
    // Stable: each kind keeps its order.
    all.sort_by_key(|entry| entry.verdict.is_err());
    all.extend(scene.view.machines().map(|report| {
        let title = fill("Go to {name}", &[("name", &report.name)]);
        Entry::new(title, Icon::ArrowRight, Ask::Select(report.id))
    }));
    all
}

/// The verbs for what is marked in the list.
fn marked(scene: &Scene<'_>, all: &mut Vec<Entry>) {
    if scene.marked.len() < 2 {
        return;
    }
    for action in library::BULK {
        let share = library::share(scene.marked, action);
        let title = fill("Selected: {verb}", &[("verb", &share.word())]);
        let ask = library::bulk_asks(scene.view, scene.marked, action);
        let verdict = ask.as_ref().map(|_| ()).ok_or_else(|| share.reasons());
        let ask = ask.unwrap_or(Ask::Many(Vec::new()));
        all.push(Entry::new(title, actions::look(action).icon, ask).verdict(verdict));
    }
    let machines = scene.marked.iter().map(|report| report.id).collect();
    let title = fill("Selected: {verb}", &[("verb", &tr("Tags…"))]);
    all.push(Entry::new(title, Icon::Tags, Ask::EditTags(machines)));
    let title = fill("Selected: {verb}", &[("verb", &tr(library::MAKE_LAB))]);
    let ask = library::new_lab(scene.marked);
    all.push(Entry::new(title, library::LAB_ICON, ask));
}

/// The labs, and what is done most with them.
fn labs(view: &View, all: &mut Vec<Entry>) {
    for report in view.labs.iter().filter(|report| report.trouble.is_none()) {
        let (lab, name) = (report.lab.id, &report.lab.name);
        let title = fill("Go to the lab {name}", &[("name", name)]);
        all.push(Entry::new(title, library::LAB_ICON, Ask::ShowLab(lab)));
        for action in [Action::Start, Action::ShutDown, Action::Save] {
            let verb = tr(action.name());
            let title = fill("{verb}: lab {name}", &[("verb", &verb), ("name", name)]);
            let ask = Ask::Engine(Command::Lab(LabCommand::Act { lab, action }));
            all.push(Entry::new(title, actions::look(action).icon, ask).verdict(free(view)));
        }
        let title = fill("Keep this moment: lab {name}", &[("name", name)]);
        let (name, note) = (String::new(), String::new());
        let command = LabCommand::Snapshot { lab, name, note };
        let ask = Ask::Engine(Command::Lab(command));
        all.push(Entry::new(title, Icon::Bookmark, ask).verdict(free(view)));
    }
}

fn free(view: &View) -> Result<(), String> {
    match view.handed_over {
        true => Err("Another Orangery process has the library now".to_owned()),
        false => Ok(()),
    }
}

/// Everything that can be asked of the open machine.
fn verbs(view: &View, report: &MachineReport, all: &mut Vec<Entry>) {
    for action in Action::ALL {
        if matches!(action, Action::Restore | Action::DeleteForever) {
            continue; // For machines in the trash, see there.
        }
        let verb = tr(actions::word(report, action));
        let title = fill("{verb}: {name}", &[("verb", &verb), ("name", &report.name)]);
        let look = actions::look(action);
        all.push(
            Entry::new(title, look.icon, actions::ask(report, action))
                .keys(look.shortcut)
                .verdict(actions::verdict(report, action, view.handed_over)),
        );
    }
    for offer in screens::offers(view, report) {
        let parts: [(&str, &dyn std::fmt::Display); 2] =
            [("verb", &offer.title), ("name", &report.name)];
        let title = fill("{verb}: {name}", &parts);
        all.push(Entry::new(title, Icon::AppWindow, offer.ask).verdict(offer.verdict));
    }
    let title = fill(
        "{verb}: {name}",
        &[("verb", &tr(snapshot_dialog::TAKE)), ("name", &report.name)],
    );
    let named = Entry::new(title, Icon::BookmarkPlus, Ask::NewSnapshot(report.id));
    let may = actions::verdict(report, Action::Snapshot, view.handed_over);
    all.push(named.verdict(may));
    let may = actions::verdict(report, Action::Edit, view.handed_over);
    for (icon, verb, ask) in [
        (Icon::PencilLine, tr("Rename"), Ask::Rename(report.id)),
        (Icon::Tags, tr("Tags…"), Ask::EditTags(vec![report.id])),
    ] {
        let title = fill("{verb}: {name}", &[("verb", &verb), ("name", &report.name)]);
        all.push(Entry::new(title, icon, ask).verdict(may.clone()));
    }
}

fn errands(scene: &Scene<'_>, all: &mut Vec<Entry>) {
    for errand in Errand::ALL {
        let (word, look) = errand.look();
        let verdict = match errand {
            Errand::Palette => continue, // It is open.
            Errand::NewMachine if scene.view.handed_over => {
                Err("Another Orangery process has the library now".to_owned())
            }
            Errand::FullScreen | Errand::Mute if scene.shown.is_none() => {
                Err("Open a machine's page first".to_owned())
            }
            Errand::TypeText => match scene.shown {
                Some(report) => actions::verdict(report, Action::SendKeys, scene.view.handed_over),
                None => Err("Open a machine's page first".to_owned()),
            },
            Errand::NewMachine
            | Errand::Search
            | Errand::ShowTrash
            | Errand::ShowComputer
            | Errand::ShowSettings
            | Errand::ShowHelp
            | Errand::FullScreen
            | Errand::Mute
            | Errand::Back => Ok(()),
        };
        all.push(
            Entry::new(tr(word).to_owned(), look.icon, Ask::Errand(errand))
                .keys(look.shortcut)
                .verdict(verdict),
        );
    }
}

fn settings(view: &View, all: &mut Vec<Entry>) {
    let now = &view.settings;
    let handed_over = || free(view);
    for (theme, word) in [
        (ThemeChoice::System, "Theme: as the desktop"),
        (ThemeChoice::Dark, "Theme: dark"),
        (ThemeChoice::Light, "Theme: light"),
    ] {
        let settings = Settings {
            theme,
            ..now.clone()
        };
        let ask = Ask::Engine(Command::SaveSettings(settings));
        all.push(Entry::new(tr(word).to_owned(), Icon::SunMoon, ask).verdict(handed_over()));
    }
    let mut list = |word: &'static str, icon, change: &dyn Fn(&mut crate::model::ListSettings)| {
        let mut list = now.list.clone();
        change(&mut list);
        let title = fill("List: {order}", &[("order", &tr(word))]);
        all.push(Entry::new(title, icon, Ask::ArrangeList(list)));
    };
    for (sort, word) in library::sorts() {
        list(word, Icon::ArrowUpDown, &|list| list.sort = sort);
    }
    for (group, word) in library::groups() {
        list(word, Icon::ListTree, &|list| list.group = group);
    }
}

fn trash(view: &View, all: &mut Vec<Entry>) {
    for trashed in &view.trash.machines {
        let Some(report) = view.machine(trashed.id) else {
            continue;
        };
        for action in [Action::Restore, Action::DeleteForever] {
            let verb = tr(action.name());
            let title = fill("{verb}: {name}", &[("verb", &verb), ("name", &report.name)]);
            all.push(
                Entry::new(
                    title,
                    actions::look(action).icon,
                    actions::ask(report, action),
                )
                .verdict(actions::verdict(report, action, view.handed_over)),
            );
        }
    }
}
