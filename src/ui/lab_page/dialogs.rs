//! The questions about a lab and its moments.

use egui::{Key, Modifiers, RichText, Ui};

use super::{keep_verdict, machines, moments};
use crate::engine::message::{Command, LabCommand};
use crate::language::{count, fill, told, tr};
use crate::model::{Action, Lab, LabId, LabReport, MachineId, SetId, SnapshotSet, check_lab_name};
use crate::ui::icon::{self, Icon};
use crate::ui::kit::{self, Choice, Field};
use crate::ui::library::LAB_ICON;
use crate::ui::snapshot_dialog::fields_ui;
use crate::ui::theme::palette;
use crate::ui::view::View;
use crate::ui::{Ask, actions};

/// An open question.
pub struct Dialog {
    about: About,
    name: String,
    note: String,
    focused: bool,
}

enum About {
    New(Vec<MachineId>),
    Rename(LabId),
    Keep(LabId),
    EditSet(LabId, SetId),
    Rewind { lab: LabId, set: SetId, keep: bool },
    DeleteSet(LabId, SetId),
    DeleteLab(LabId),
    PowerOff(LabId),
}

impl Dialog {
    fn of(about: About) -> Self {
        Self {
            about,
            name: String::new(),
            note: String::new(),
            focused: false,
        }
    }

    pub fn new_lab(machines: Vec<MachineId>) -> Self {
        Self::of(About::New(machines))
    }

    pub fn rename(lab: &Lab) -> Self {
        Self {
            name: lab.name.clone(),
            note: lab.note.clone(),
            ..Self::of(About::Rename(lab.id))
        }
    }

    pub fn keep(lab: &Lab) -> Self {
        Self::of(About::Keep(lab.id))
    }

    pub fn edit_set(lab: LabId, set: &SnapshotSet) -> Self {
        Self {
            name: set.name.clone(),
            note: set.note.clone(),
            ..Self::of(About::EditSet(lab, set.id))
        }
    }

    pub fn rewind(lab: LabId, set: SetId) -> Self {
        let keep = true;
        Self::of(About::Rewind { lab, set, keep })
    }

    pub fn delete_set(lab: LabId, set: SetId) -> Self {
        Self::of(About::DeleteSet(lab, set))
    }

    pub fn delete_lab(lab: LabId) -> Self {
        Self::of(About::DeleteLab(lab))
    }

    pub fn power_off(lab: LabId) -> Self {
        Self::of(About::PowerOff(lab))
    }

    /// The dialog; returns whether it stays open.
    pub fn ui(&mut self, ui: &Ui, view: &View, asks: &mut Vec<Ask>) -> bool {
        let command = match self.about {
            About::New(_) | About::Rename(_) | About::Keep(_) | About::EditSet(..) => {
                self.words_ui(ui, view)
            }
            About::Rewind { lab, set, .. } => self.rewind_ui(ui, view, lab, set),
            About::DeleteSet(..) | About::DeleteLab(_) | About::PowerOff(_) => {
                self.sure_ui(ui, view)
            }
        };
        match command {
            Some(Some(command)) => {
                asks.push(Ask::Engine(Command::Lab(command)));
                false
            }
            Some(None) => true,
            None => false,
        }
    }

    fn title(&self, view: &View) -> String {
        let name = |lab: LabId| view.lab(lab).map_or("", |report| report.lab.name.as_str());
        match &self.about {
            About::New(machines) => count(
                machines.len() as u64,
                "A lab of {count} machine",
                "A lab of {count} machines",
            ),
            About::Keep(lab) => fill("Keep this moment of {name}", &[("name", &name(*lab))]),
            About::EditSet(..) => tr("Name the moment").to_owned(),
            _ => tr("Rename the lab").to_owned(),
        }
    }

    /// What is wrong, and what is done with the words.
    fn verdict(&self, view: &View) -> Result<LabCommand, String> {
        let (name, note) = (self.name.trim().to_owned(), self.note.trim().to_owned());
        let others = |own: Option<LabId>| {
            let others = view.labs.iter().filter(move |one| Some(one.lab.id) != own);
            others.map(|one| one.lab.name.as_str())
        };
        let gone = || tr("This lab is no more").to_owned();
        match &self.about {
            About::New(machines) => check_lab_name(&name, others(None)).map(|()| {
                let machines = machines.clone();
                LabCommand::Create { name, machines }
            }),
            About::Rename(lab) => {
                let lab = *lab;
                check_lab_name(&name, others(Some(lab))).map(|()| LabCommand::Rename {
                    lab,
                    name,
                    note,
                })
            }
            About::Keep(lab) => {
                let report = view.lab(*lab).ok_or_else(gone)?;
                keep_verdict(view, &machines(view, &report.lab))?;
                let lab = *lab;
                Ok(LabCommand::Snapshot { lab, name, note })
            }
            About::EditSet(lab, set) => Ok(LabCommand::EditSet {
                lab: *lab,
                set: *set,
                name,
                note,
            }),
            _ => Err(gone()),
        }
        .map_err(|why| told(&why).into_owned())
    }

    /// `None` closes it, `Some(None)` lets it stay.
    fn words_ui(&mut self, ui: &Ui, view: &View) -> Option<Option<LabCommand>> {
        let verdict = self.verdict(view);
        let title = self.title(view);
        let is_new = matches!(self.about, About::New(_));
        let ((yes, no), dismissed) = kit::modal(ui, "lab words", 460.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 12.0;
            let focus = !std::mem::replace(&mut self.focused, true);
            if is_new {
                new_ui(ui, view, &self.about, &mut self.name, focus);
            } else {
                if matches!(self.about, About::Keep(_)) {
                    kit::hint(
                        ui,
                        tr(
                            "All machines that run stand still for a blink, all at the same moment, and go on.",
                        ),
                    );
                }
                fields_ui(ui, &mut self.name, &mut self.note, focus);
            }
            if let Err(why) = verdict.as_ref().map(drop)
                && !(is_new && self.name.is_empty())
            {
                kit::complaint(ui, why);
            }
            kit::footer(ui, |ui| {
                let (glyph, word) = match self.about {
                    About::New(_) => (LAB_ICON, tr("Make the lab")),
                    About::Keep(_) => (Icon::Bookmark, tr("Keep this moment")),
                    _ => (Icon::Check, tr("Save")),
                };
                let yes = kit::primary(ui, verdict.is_ok(), Some(glyph), word).clicked();
                (yes, kit::secondary(ui, true, None, tr("Cancel")).clicked())
            })
        });
        decided(ui, yes, no || dismissed, verdict)
    }

    fn rewind_ui(
        &mut self,
        ui: &Ui,
        view: &View,
        lab: LabId,
        set: SetId,
    ) -> Option<Option<LabCommand>> {
        let report = view.lab(lab)?;
        let (moment, how) = report.set(set)?;
        let About::Rewind { keep, .. } = &mut self.about else {
            return None;
        };
        let title = fill("Go back to “{name}”?", &[("name", &told(moment.title()))]);
        let verdict = match moments::not_whole(view, how) {
            Some(why) => Err(why),
            None => rewind_verdict(view, report, moment),
        };
        let ((yes, no), dismissed) = kit::modal(ui, "lab rewind", 500.0, &title, |ui| {
            ui.spacing_mut().item_spacing.y = 8.0;
            consequences_ui(ui, view, report, set);
            ui.add_space(4.0);
            kit::check(ui, keep, tr("Keep the present as a moment, too"));
            if !*keep {
                let text = tr(
                    "What happened since the machines' last snapshots is lost for good: on their disks and in memory",
                );
                kit::warning(ui, text);
            }
            if let Err(why) = &verdict {
                kit::complaint(ui, why);
            }
            ui.add_space(4.0);
            kit::footer(ui, |ui| {
                let (free, word) = (verdict.is_ok(), tr("Go back"));
                let yes = match keep {
                    true => kit::primary(ui, free, Some(Icon::History), word),
                    false => kit::danger(ui, free, Some(Icon::History), word),
                };
                let no = kit::secondary(ui, true, None, tr("Cancel")).clicked();
                (yes.clicked(), no)
            })
        });
        let keep = *keep;
        let command = verdict.map(|()| LabCommand::Rewind { lab, set, keep });
        decided(ui, yes, no || dismissed, command)
    }

    fn sure_ui(&self, ui: &Ui, view: &View) -> Option<Option<LabCommand>> {
        let name = |lab: LabId| view.lab(lab).map_or("", |report| report.lab.name.as_str());
        let (title, text, word, command) = match self.about {
            About::DeleteSet(lab, set) => {
                let (moment, _) = view.lab(lab)?.set(set)?;
                (
                    fill("Delete “{name}”?", &[("name", &told(moment.title()))]),
                    tr(
                        "The snapshot that each machine has of this moment is deleted for good. The machines and all their other snapshots stay.",
                    ),
                    tr("Delete for good"),
                    LabCommand::DeleteSet { lab, set },
                )
            }
            About::PowerOff(lab) => (
                fill(
                    "Cut the power of all machines of {name}?",
                    &[("name", &name(lab))],
                ),
                tr("The guests have no time to write what they hold in memory"),
                tr(Action::PowerOff.name()),
                LabCommand::Act {
                    lab,
                    action: Action::PowerOff,
                },
            ),
            About::DeleteLab(lab) => (
                fill("Delete the lab {name}?", &[("name", &name(lab))]),
                tr(
                    "Its machines and all their snapshots stay. Only that they belong together is forgotten.",
                ),
                tr("Delete the lab"),
                LabCommand::Delete { lab },
            ),
            _ => return None,
        };
        match kit::confirm(ui, &title, text, word) {
            Choice::Yes => Some(Some(command)),
            Choice::No => None,
            Choice::Undecided => Some(None),
        }
    }
}

/// Enter is a yes, where yes can be had.
fn decided(
    ui: &Ui,
    yes: bool,
    no: bool,
    verdict: Result<LabCommand, String>,
) -> Option<Option<LabCommand>> {
    let entered = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
    match verdict {
        _ if no => None,
        Ok(command) if yes || entered => Some(Some(command)),
        _ => Some(None),
    }
}

fn new_ui(ui: &mut Ui, view: &View, about: &About, name: &mut String, focus: bool) {
    let text = tr("A lab is machines that are started, kept and taken back together.");
    kit::hint(ui, text);
    let spec = Field {
        label: tr("Name"),
        hint: tr("Web shop"),
        complaint: None,
    };
    let field = kit::text_field(ui, &spec, name);
    if focus {
        field.request_focus();
    }
    if let About::New(machines) = about {
        let names: Vec<String> = machines.iter().map(|id| view.name(*id)).collect();
        let text = RichText::new(names.join(", ")).color(palette(ui).text);
        ui.add(egui::Label::new(text).wrap());
    }
}

fn rewind_verdict(view: &View, report: &LabReport, moment: &SnapshotSet) -> Result<(), String> {
    if !report
        .lab
        .machines
        .iter()
        .any(|id| moment.of(*id).is_some())
    {
        return Err(tr("None of its machines is in the lab any more").to_owned());
    }
    for machine in machines(view, &report.lab).into_iter().flatten() {
        if moment.of(machine.id).is_some() {
            actions::verdict(machine, Action::Rewind, view.handed_over).map_err(|why| {
                let values: [(&str, &dyn std::fmt::Display); 2] =
                    [("name", &machine.name), ("why", &why)];
                fill("{name}: {why}", &values)
            })?;
        }
    }
    Ok(())
}

/// Machines that the moment has and the lab has not.
fn left(view: &View, report: &LabReport, moment: &SnapshotSet) -> Vec<String> {
    let members = moment.members.iter().map(|member| member.machine);
    let left = members.filter(|id| !report.lab.machines.contains(id));
    left.map(|id| view.name(id)).collect()
}

/// What happens to which machines.
fn consequences_ui(ui: &mut Ui, view: &View, report: &LabReport, set: SetId) {
    let Some((moment, how)) = report.set(set) else {
        return;
    };
    let mut all: Vec<(Icon, &'static str, Vec<String>)> = vec![
        (
            Icon::FastForward,
            tr("Goes on in that very moment, all let go together: {names}"),
            Vec::new(),
        ),
        (
            Icon::Power,
            tr("Will be off, as it was then: {names}"),
            Vec::new(),
        ),
        (
            Icon::Anchor,
            tr("Came into the lab later, and stays as it is: {names}"),
            Vec::new(),
        ),
        (
            Icon::LogOut,
            tr("Is not in the lab any more, and stays as it is: {names}"),
            left(view, report, moment),
        ),
    ];
    for machine in machines(view, &report.lab).into_iter().flatten() {
        let member = how.members.iter().find(|one| one.machine == machine.id);
        let place = match (moment.of(machine.id), member) {
            (Some(_), Some(member)) if member.with_memory => 0,
            (Some(_), _) => 1,
            (None, _) => 2,
        };
        all[place].2.push(machine.name.clone());
    }
    for (glyph, text, names) in all {
        if !names.is_empty() {
            let names = names.join(", ");
            let p = palette(ui);
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 10.0;
                icon::show(ui, glyph, 17.0, p.accent_text);
                let text = text.replace("{names}", &names);
                ui.add(egui::Label::new(RichText::new(text).color(p.text)).wrap());
            });
        }
    }
}
