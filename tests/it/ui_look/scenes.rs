//! What is looked at: the data of a window, and the steps to one of its pages or dialogs.

use egui::accesskit::Role;
use egui::{Event as Input, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use orangery::engine::message::Event;
use orangery::language::tr;
use orangery::model::*;
use orangery::ui::actions::Errand;
use orangery::ui::help_page::Topic;
use orangery::ui::settings_page::Section;
use orangery::ui::theme;
use orangery::ui::toasts::{Offer, Toast};
use orangery::ui::view::{Leaving, LiveScreen};

use super::copies;
use super::labs;
use super::timelines;
use crate::ui_fixture::{self as fixture, Window, id, report, show};
use crate::ui_hardware;
use crate::ui_hardware::whole::PARTS;

pub type Shown<'a> = Harness<'a, Window>;

/// One page or dialog.
pub struct Scene {
    pub name: String,
    pub window: fn() -> Window,
    pub steps: Box<dyn Fn(&mut Shown<'_>)>,
}

pub fn scene(
    name: &str,
    window: fn() -> Window,
    steps: impl Fn(&mut Shown<'_>) + 'static,
) -> Scene {
    Scene {
        name: name.to_owned(),
        window,
        steps: Box::new(steps),
    }
}

pub fn scenes() -> Vec<Scene> {
    let mut all = first_pages();
    all.extend(lists());
    all.extend(new_machines());
    all.extend(machines());
    all.extend(PARTS.map(|part| {
        let name = format!("hardware-{}", part.to_lowercase().replace(' ', "-"));
        scene(&name, hardware, move |h| show_part(h, part))
    }));
    all.extend(timelines::all());
    all.extend(labs::all());
    all.extend(copies::all());
    all.extend(own_pages());
    all.extend(dialogs());
    all
}

fn first_pages() -> Vec<Scene> {
    vec![
        scene("empty", empty, |_| {}),
        scene("empty-without-qemu", without_qemu, |_| {}),
        scene("main", full, live),
    ]
}

fn lists() -> Vec<Scene> {
    vec![
        scene("list-filters", tagged, |h| click(h, "Filter and sort")),
        scene("list-grouped", tagged, |h| {
            let list = ListSettings {
                group: GroupBy::Tag,
                ..ListSettings::default()
            };
            h.state_mut().shell.library.arrange_by(|now| *now = list);
        }),
        scene("list-marked", tagged, |h| {
            row(h, "Alpine lab").click();
            h.run_ok();
            row(h, "Haiku nightly").click_modifiers(Modifiers::SHIFT);
        }),
        scene("list-menu", tagged, |h| {
            row(h, "FreeBSD router").click_secondary();
        }),
        scene("list-found", tagged, |h| search(h, "web")),
        scene("list-nothing", tagged, |h| search(h, "nothing like it")),
        scene("list-rename", tagged, |h| {
            let Window { shell, view, .. } = h.state_mut();
            shell.library.rename(view, id(3));
        }),
        scene("list-tags", tagged, |h| {
            let Window { shell, view, .. } = h.state_mut();
            shell.library.edit_tags(view, vec![id(1), id(3)]);
        }),
    ]
}

fn new_machines() -> Vec<Scene> {
    vec![
        scene("new", full, |h| errand(h, Errand::NewMachine)),
        scene("new-looking", full, |h| drop_file(h, None)),
        scene("new-installer", full, |h| drop_file(h, Some(installer()))),
        scene("new-installer-more", full, |h| {
            drop_file(h, Some(installer()));
            click(h, "More");
        }),
        scene("new-disk", full, |h| {
            drop_file(
                h,
                Some(FileKind::Disk {
                    format: "qcow2".to_owned(),
                    size: ByteSize::gib(20),
                }),
            );
        }),
        scene("new-unusable", full, |h| {
            drop_file(
                h,
                Some(FileKind::Unusable {
                    why: "The file is empty".to_owned(),
                }),
            );
        }),
        scene("new-empty", full, |h| {
            errand(h, Errand::NewMachine);
            click(h, "Empty disk");
        }),
        scene("new-card", full, |h| {
            errand(h, Errand::NewMachine);
            click(h, "Test card");
        }),
    ]
}

fn machines() -> Vec<Scene> {
    vec![
        scene("graphs", full, busy),
        scene("graphs-each", full, |h| {
            busy(h);
            h.get_by_label(tr("Each")).click();
        }),
        scene("off", full, |h| click(h, "FreeBSD router")),
        scene("saved", full, |h| click(h, "Haiku nightly")),
        scene("long-name", full, |h| {
            click(h, "Ubuntu Desktop with a very long name that goes on");
        }),
        scene("crashed", crashed, |h| click(h, "Windows 11")),
        scene("broken", full, |h| click(h, "Old thing")),
        scene("stopping", stopping, |_| {}),
        scene("log", full, |h| click(h, "Log")),
        scene("screen", full, |h| {
            live(h);
            click(h, "Screen");
        }),
        scene("screen-off", full, |h| {
            click(h, "FreeBSD router");
            click(h, "Screen");
        }),
        scene("more", full, |h| click(h, "More actions")),
        scene("keys", full, |h| click(h, "Send keys")),
        scene("jobs", full, |h| {
            let jobs = orangery::language::count(1, "{count} job", "{count} jobs");
            h.get_by_role_and_label(Role::Button, &jobs).click();
        }),
    ]
}

fn own_pages() -> Vec<Scene> {
    let mut all = vec![
        scene("help-found", full, |h| {
            errand(h, Errand::ShowHelp);
            errand(h, Errand::Search);
            h.event(Input::Text("disk".to_owned()));
        }),
        scene("computer", full, |h| errand(h, Errand::ShowComputer)),
        scene("trash", full, |h| errand(h, Errand::ShowTrash)),
    ];
    for section in Section::ALL {
        let name = section.word().to_lowercase().replace(' ', "-");
        all.push(scene(&format!("settings-{name}"), full, move |h| {
            errand(h, Errand::ShowSettings);
            click(h, section.word());
        }));
    }
    for topic in Topic::ALL {
        let name = topic.word().to_lowercase().replace(' ', "-");
        all.push(scene(&format!("help-{name}"), full, move |h| {
            errand(h, Errand::ShowHelp);
            click(h, topic.word());
        }));
    }
    all
}

fn dialogs() -> Vec<Scene> {
    vec![
        scene("palette", full, |h| errand(h, Errand::Palette)),
        scene("palette-found", full, |h| {
            errand(h, Errand::Palette);
            h.event(Input::Text("sta".to_owned()));
        }),
        scene("confirm-power-off", asking, |h| {
            h.key_press_modifiers(Modifiers::NONE, Key::Escape);
            click(h, "More actions");
            click(h, "Power off");
        }),
        scene("confirm-forever", full, |h| {
            errand(h, Errand::ShowTrash);
            click(h, Action::DeleteForever.name());
        }),
        scene("close", leaving, |_| {}),
        scene("report", full, |h| {
            let text = "== Orangery ==\nOrangery 0.1.0\nMachines: 7\n".repeat(40);
            h.state_mut().view.program.report = Some(text);
        }),
        scene("type", full, |h| {
            live(h);
            errand(h, Errand::TypeText);
            h.event(Input::Text("Größe €25 ж".to_owned()));
        }),
        scene("type-under-way", full, |h| {
            errand(h, Errand::TypeText);
            h.event(Input::Text("hello".to_owned()));
            h.run_ok();
            click(h, "Type");
        }),
        scene("toasts", full, |h| {
            let view = &mut h.state_mut().view;
            let text = tr("Nothing is lost until the trash is emptied").to_owned();
            let done = Toast::done("FreeBSD router".to_owned(), text, view.now);
            view.toasts
                .push(done.offer(Offer::Undo(id(3), Action::Restore)));
            view.fail(fixture::failure());
        }),
    ]
}

/// Seven machines in as many states, one of them in the middle of a job.
fn full() -> Window {
    let mut job = report(2, "Debian build box", State::Saving);
    job.job = Some(JobId(1));
    let mut window = Window::new([
        Event::Computer(Box::new(fixture::computer())),
        Event::Load(fixture::load()),
        show(report(1, "Alpine lab", State::Running)),
        show(job),
        Event::Job(JobReport {
            id: JobId(1),
            machine: Some(id(2)),
            title: "Saving Debian build box".to_owned(),
            step: "Writing memory".to_owned(),
            done: 3,
            of: 8,
            can_cancel: true,
            state: JobState::Running,
        }),
        show(report(3, "FreeBSD router", State::Off)),
        show(report(4, "Haiku nightly", State::Saved)),
        show(report(
            5,
            "Ubuntu Desktop with a very long name that goes on",
            State::Paused,
        )),
        show(report(6, "Windows 11", State::Crashed)),
        show(report(7, "Old thing", State::Broken)),
        fixture::thumbnail(1),
        fixture::thumbnail(5),
    ]);
    window.events.push(Event::Trash(TrashReport {
        machines: vec![TrashedMachine {
            id: id(9),
            name: "Fedora Rawhide".to_owned(),
            since: Timestamp(fixture::NOW.0 - 90_000),
            size: ByteSize(19_541_262_336),
            kept_for: vec!["Fedora fork".to_owned()],
        }],
    }));
    window
}

/// The same, some with tags.
fn tagged() -> Window {
    let mut window = full();
    for event in &mut window.events {
        if let Event::Machine(report) = event
            && let Some(machine) = &mut report.machine
        {
            let tags = ["web", "database", "customer"];
            let count = report.name.len() % 3;
            machine.tags = tags[..count].iter().map(|tag| (*tag).to_owned()).collect();
        }
    }
    window
}

/// The same, but with news of one machine.
fn changed(number: u128, name: &str, state: State, change: fn(&mut MachineReport)) -> Window {
    let mut window = full();
    let mut report = report(number, name, state);
    report.generation = 2;
    change(&mut report);
    window.events.push(show(report));
    window
}

fn crashed() -> Window {
    let mut window = changed(6, "Windows 11", State::Crashed, |report| {
        report.trouble = Some(fixture::failure());
    });
    window.events.push(Event::Notice(fixture::failure()));
    window
}

fn stopping() -> Window {
    changed(1, "Alpine lab", State::Stopping, |report| {
        report.force_after = Some(Timestamp(fixture::NOW.0 - 3));
    })
}

fn asking() -> Window {
    let mut window = full();
    window.view.settings.confirm.power_off = true;
    window
}

fn leaving() -> Window {
    let mut window = full();
    window.view.leaving = Some(Leaving {
        asking: true,
        ..Leaving::default()
    });
    window
}

fn empty() -> Window {
    let mut computer = fixture::computer();
    computer
        .checks
        .retain(|check| check.level != CheckLevel::Bad);
    Window::new([
        Event::Computer(Box::new(computer)),
        Event::Load(fixture::load()),
    ])
}

fn without_qemu() -> Window {
    Window::new([
        Event::Computer(Box::new(fixture::computer())),
        Event::Load(fixture::load()),
    ])
}

/// A machine with every part, and changes that wait for its next start.
fn hardware() -> Window {
    let mut report = report(1, "Alpine lab", State::Running);
    let machine = ui_hardware::machine();
    let mut running = machine.clone();
    for change in [
        Change::Memory(ByteSize::gib(2)),
        Change::Cpus(4),
        Change::Remove("nic0".to_owned()),
    ] {
        apply(&mut running, change);
    }
    report.running = Some(Box::new(running));
    report.machine = Some(machine);
    Window::new([
        Event::Computer(Box::new(fixture::computer())),
        Event::Load(fixture::load()),
        show(report),
        show(fixture::report(2, "FreeBSD router", State::Off)),
    ])
}

fn show_part(harness: &mut Shown<'_>, part: &'static str) {
    click(harness, "Hardware");
    let is_open = harness.query_by_label(tr("Tags")).is_some();
    if part != "Machine" || !is_open {
        click(harness, part);
    }
    control(harness, part).scroll_to_me();
    harness.run_ok();
    match part {
        "Disks" => click(harness, "Add a disk…"),
        "Processors" => click(harness, "Arrange them by hand"),
        _ => {}
    }
}

fn errand(harness: &mut Shown<'_>, errand: Errand) {
    let Window { shell, view, .. } = harness.state_mut();
    shell.run_errand(view, errand);
    harness.run_ok();
}

/// Clicks the last control of that name, given in English: a dialog's or a menu's.
pub fn click(harness: &mut Shown<'_>, label: &'static str) {
    control(harness, label).click_accesskit();
    harness.run_ok();
}

/// The last control of that name.
fn control<'a>(harness: &'a Shown<'_>, label: &'static str) -> egui_kittest::Node<'a> {
    let roles = [
        Role::Button,
        Role::Tab,
        Role::ListItem,
        Role::RadioButton,
        Role::CheckBox,
    ];
    let mut nodes = harness.get_all_by_label(tr(label));
    let found = nodes.rfind(|node| roles.contains(&node.accesskit_node().role()));
    found.unwrap()
}

pub fn row<'a>(harness: &'a Shown<'_>, name: &'a str) -> egui_kittest::Node<'a> {
    harness.get_by(|node| node.role() == Role::ListItem && node.label().as_deref() == Some(name))
}

fn search(harness: &mut Shown<'_>, text: &str) {
    harness.state_mut().shell.library.filter = text.to_owned();
}

/// Drops a file on the window, which is found to be `kind`; without one it is still looked at.
fn drop_file(harness: &mut Shown<'_>, kind: Option<FileKind>) {
    let path = std::path::Path::new("/home/ada/Downloads/debian-12.7.0-amd64-netinst.iso");
    let Window { shell, view, .. } = harness.state_mut();
    shell.dropped(view, path);
    harness.run_ok();
    let Some(kind) = kind else { return };
    let system = matches!(kind, FileKind::Iso { .. }).then(|| System {
        name: "Debian 12".to_owned(),
        cpus: 2,
        memory: ByteSize::gib(4),
        disk: ByteSize::gib(32),
        firmware: FirmwareKind::Bios,
        era: Era::Virtio,
        note: None,
    });
    let found = Recognised {
        path: path.to_owned(),
        kind,
        size: ByteSize::mib(650),
        system,
        firmware: None,
    };
    let Window { shell, view, .. } = harness.state_mut();
    shell.looked(view, path, Ok(found));
    harness.run_ok();
}

fn installer() -> FileKind {
    FileKind::Iso { bootable: true }
}

/// A live picture for the first machine.
fn live(harness: &mut Shown<'_>) {
    let mut image = egui::ColorImage::filled([640, 400], theme::DARK.leaf);
    for (n, pixel) in image.pixels.iter_mut().enumerate() {
        let (x, y) = (n % 640, n / 640);
        if x / 40 % 2 == y / 40 % 2 {
            *pixel = theme::DARK.accent;
        }
    }
    let screen = LiveScreen {
        caps_lock: Some(true),
        ..fixture::live(&harness.ctx, image)
    };
    harness.state_mut().view.screen = Some(screen);
    harness.run_ok();
}

/// Five busy minutes of the first machine, and the pointer on a graph.
fn busy(harness: &mut Shown<'_>) {
    let minutes = crate::ui_graphs::busy_minutes();
    harness.state_mut().events.extend(minutes);
    harness.run_ok();
    let disk = format!("{}, {}", tr("Disk"), tr("Read"));
    let graph = harness.get_by_label_contains(&disk).rect();
    harness.hover_at(graph.center());
    harness.run_ok();
}
