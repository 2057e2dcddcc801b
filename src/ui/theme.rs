//! Colours, fonts and sizes: the only place that knows how Orangery looks.

use std::sync::Arc;

use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke,
    TextStyle, Theme, Ui, Vec2, vec2,
};

use crate::model::{State, ThemeChoice};
use crate::terminal::Ink;

/// The width of the library at the left.
pub const SIDEBAR: f32 = 288.0;
/// The height of a row in the library.
pub const ROW: f32 = 60.0;
/// The height of a group's heading there, and the space between two lines.
pub const GROUP_ROW: f32 = 30.0;
pub const ROW_GAP: f32 = 4.0;
/// A thumbnail in the library.
pub const THUMBNAIL: Vec2 = vec2(67.0, 42.0);
/// The height of buttons and fields.
pub const CONTROL: f32 = 32.0;
/// The height of the footer.
pub const FOOTER: f32 = 36.0;
/// Corners of cards, and of what lies on them.
pub const CARD_RADIUS: u8 = 12;
pub const CONTROL_RADIUS: u8 = 8;
/// Space inside cards and between them.
pub const PADDING: i8 = 16;
pub const GAP: f32 = 14.0;
/// Below this width cards stand in one column.
pub const TWO_COLUMNS: f32 = 640.0;

/// The family of the icon font; its own, since text fonts use the same private characters.
const ICONS: &str = "icons";
const REGULAR: &str = "inter";
const SEMIBOLD: &str = "inter semibold";
const MONO: &str = "jetbrains mono";

/// All colours of one theme.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    pub dark: bool,
    pub background: Color32,
    pub side: Color32,
    pub card: Color32,
    /// Text fields, wells for pictures.
    pub well: Color32,
    pub line: Color32,
    pub hover: Color32,
    pub text: Color32,
    pub dim: Color32,
    /// The orange of action: fill of the primary button; `on_accent` is readable on it.
    pub accent: Color32,
    pub on_accent: Color32,
    /// The orange as text, marks and borders on any background.
    pub accent_text: Color32,
    /// Leaf green: what lives.
    pub leaf: Color32,
    pub warn: Color32,
    pub error: Color32,
    /// Asleep on disk.
    pub saved: Color32,
    /// Behind a guest's picture.
    pub letterbox: Color32,
    /// Over the window while a dialog is open.
    pub backdrop: Color32,
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where colours are made"
)]
const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

pub const DARK: Palette = Palette {
    dark: true,
    background: hex(0x11_16_13),
    side: hex(0x0b_0f_0d),
    card: hex(0x19_20_1c),
    well: hex(0x0d_12_0f),
    line: hex(0x2b_35_2f),
    hover: hex(0x22_2b_26),
    text: hex(0xea_f0_ea),
    dim: hex(0x98_a8_9d),
    accent: hex(0xff_a2_3f),
    on_accent: hex(0x21_12_00),
    accent_text: hex(0xff_b0_5c),
    leaf: hex(0x5f_d3_87),
    warn: hex(0xf2_cf_5b),
    error: hex(0xff_7b_72),
    saved: hex(0x9d_b2_ff),
    letterbox: hex(0x00_00_00),
    backdrop: Color32::from_black_alpha(150),
};

pub const LIGHT: Palette = Palette {
    dark: false,
    background: hex(0xf7_f6_f1),
    side: hex(0xee_ed_e4),
    card: hex(0xff_ff_ff),
    well: hex(0xff_ff_ff),
    line: hex(0xdc_da_cd),
    hover: hex(0xec_ea_df),
    text: hex(0x1c_21_1b),
    dim: hex(0x5a_62_57),
    accent: hex(0xf5_92_20),
    on_accent: hex(0x23_12_00),
    accent_text: hex(0xa2_48_00),
    leaf: hex(0x1c_73_3a),
    warn: hex(0x7d_5a_00),
    error: hex(0xb3_26_1e),
    saved: hex(0x4b_50_c8),
    letterbox: hex(0x00_00_00),
    backdrop: Color32::from_black_alpha(90),
};

impl Palette {
    /// A colour as a quiet background for text in `self.text`.
    pub fn tint(&self, color: Color32) -> Color32 {
        color.gamma_multiply(if self.dark { 0.13 } else { 0.09 })
    }

    /// A colour as a quiet border.
    pub fn edge(&self, color: Color32) -> Color32 {
        color.gamma_multiply(0.5)
    }

    pub fn state(&self, state: State) -> Color32 {
        match state {
            State::Running => self.leaf,
            State::Starting | State::Saving | State::Stopping => self.accent_text,
            State::Paused => self.warn,
            State::Saved => self.saved,
            State::Off => self.dim,
            State::Crashed | State::NotResponding | State::Broken | State::Unavailable => {
                self.error
            }
        }
    }
}

/// The colours of a terminal: its own, and the sixteen that programs name.
#[derive(Clone, Copy, Debug)]
pub struct Inks {
    pub ground: Color32,
    pub text: Color32,
    pub cursor: Color32,
    pub selection: Color32,
    pub found: Color32,
    pub found_here: Color32,
    /// Text on what was found.
    pub on_found: Color32,
    named: [Color32; 16],
}

const DARK_INKS: Inks = Inks {
    ground: hex(0x0d_12_0f),
    text: hex(0xdd_e5_dd),
    cursor: hex(0xff_b0_5c),
    selection: hex(0x3d_4f_6b),
    found: hex(0x8a_74_1e),
    found_here: hex(0xff_a2_3f),
    on_found: hex(0x0b_0f_0d),
    named: [
        hex(0x1d_25_21),
        hex(0xe8_63_5c),
        hex(0x5f_d3_87),
        hex(0xe0_b8_4a),
        hex(0x6b_9b_f2),
        hex(0xc5_85_e0),
        hex(0x4f_c4_cf),
        hex(0xc4_cf_c6),
        hex(0x7b_8a_80),
        hex(0xff_8f_88),
        hex(0x8f_ee_af),
        hex(0xff_dc_7a),
        hex(0x9c_bf_ff),
        hex(0xe3_b3_f5),
        hex(0x8d_e8_f0),
        hex(0xff_ff_ff),
    ],
};

const LIGHT_INKS: Inks = Inks {
    ground: hex(0xff_ff_ff),
    text: hex(0x1c_21_1b),
    cursor: hex(0xa2_48_00),
    selection: hex(0xbf_d6_f5),
    found: hex(0xff_e2_9a),
    found_here: hex(0xff_a2_3f),
    on_found: hex(0x21_12_00),
    named: [
        hex(0x1c_21_1b),
        hex(0xb3_26_1e),
        hex(0x1c_73_3a),
        hex(0x8a_62_00),
        hex(0x21_55_c4),
        hex(0x8a_2d_a8),
        hex(0x0b_6f_7d),
        hex(0xc9_cd_c4),
        hex(0x66_6e_63),
        hex(0xd1_3a_31),
        hex(0x1f_8a_45),
        hex(0xa0_73_00),
        hex(0x3b_6f_e0),
        hex(0xa5_46_c4),
        hex(0x0f_84_94),
        hex(0xf4_f5_f0),
    ],
};

impl Inks {
    /// A colour that the guest names.
    #[expect(
        clippy::disallowed_methods,
        reason = "the guest says the colour, not the look of the window"
    )]
    pub fn color(&self, ink: Ink) -> Color32 {
        match ink {
            Ink::Text => self.text,
            Ink::Ground => self.ground,
            Ink::Index(index @ 0..=15) => self.named[usize::from(index)],
            Ink::Index(index @ 16..=231) => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let cube = index - 16;
                Color32::from_rgb(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
            }
            Ink::Index(grey) => Color32::from_gray(8 + 10 * (grey - 232)),
            Ink::Rgb(red, green, blue) => Color32::from_rgb(red, green, blue),
        }
    }

    /// `ink`, moved away from `ground` until it can be read: programs choose their colours for one theme.
    pub fn readable(&self, ink: Color32, ground: Color32) -> Color32 {
        const ENOUGH: f32 = 3.0;
        let text_is_far = contrast(self.text, ground) >= contrast(self.ground, ground);
        let far = if text_is_far { self.text } else { self.ground };
        (0_u8..=8)
            .map(|step| ink.lerp_to_gamma(far, f32::from(step) / 8.0))
            .find(|color| contrast(*color, ground) >= ENOUGH)
            .unwrap_or(far)
    }
}

/// The terminal's colours in the theme that `ui` is drawn in.
pub fn inks(ui: &Ui) -> &'static Inks {
    if ui.visuals().dark_mode {
        &DARK_INKS
    } else {
        &LIGHT_INKS
    }
}

/// How far two colours are apart, 1 to 21 (WCAG 2.1, contrast ratio).
fn contrast(a: Color32, b: Color32) -> f32 {
    let luminance = |color: Color32| {
        let linear = egui::Rgba::from(color);
        0.2126 * linear.r() + 0.7152 * linear.g() + 0.0722 * linear.b()
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The letters of a terminal.
pub fn terminal() -> FontId {
    FontId::monospace(14.0)
}

/// The colours of the theme that `ui` is drawn in.
pub fn palette(ui: &Ui) -> &'static Palette {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

/// Headings and names.
pub fn semibold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(SEMIBOLD.into()))
}

pub fn regular(size: f32) -> FontId {
    FontId::proportional(size)
}

pub fn icons(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(ICONS.into()))
}

/// Sizes of text, in points.
pub const SMALL: f32 = 12.0;
pub const BODY: f32 = 14.0;
pub const TITLE: f32 = 16.0;
pub const HEADING: f32 = 20.0;

/// Gives `ctx` the fonts and both styles.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for (theme, palette) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.style_mut_of(theme, |style| {
            set_spacing(style);
            set_visuals(&mut style.visuals, palette);
            set_widgets(&mut style.visuals.widgets, palette);
        });
    }
}

/// Follows the user's choice; `System` follows the desktop where it says what it wants.
///
/// `desktop` is what it says; `None` leaves it to the window system.
pub fn choose(ctx: &egui::Context, choice: ThemeChoice, desktop: Option<Theme>) {
    ctx.set_theme(match choice {
        ThemeChoice::System => desktop.map_or(egui::ThemePreference::System, Into::into),
        ThemeChoice::Dark => egui::ThemePreference::Dark,
        ThemeChoice::Light => egui::ThemePreference::Light,
    });
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut icon_font = FontData::from_static(lucide_icons::LUCIDE_FONT_BYTES);
    icon_font.tweak.y_offset_factor = 0.06;
    fonts
        .font_data
        .insert(ICONS.to_owned(), Arc::new(icon_font));
    for (name, bytes) in [
        (
            REGULAR,
            &include_bytes!("../../assets/fonts/Inter-Regular.otf")[..],
        ),
        (
            SEMIBOLD,
            include_bytes!("../../assets/fonts/Inter-SemiBold.otf"),
        ),
        (
            MONO,
            include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf"),
        ),
    ] {
        let font = Arc::new(FontData::from_static(bytes));
        fonts.font_data.insert(name.to_owned(), font);
    }
    // Ours first; egui's own and the system's follow for what ours lack.
    let others = fonts.families[&FontFamily::Proportional].clone();
    for (family, first) in [
        (FontFamily::Proportional, REGULAR),
        (FontFamily::Name(SEMIBOLD.into()), SEMIBOLD),
        (FontFamily::Monospace, MONO),
    ] {
        let names = std::iter::once(first.to_owned()).chain(others.iter().cloned());
        fonts.families.insert(family, names.collect());
    }
    fonts
        .families
        .insert(FontFamily::Name(ICONS.into()), vec![ICONS.to_owned()]);
    fonts
}

fn set_spacing(style: &mut egui::Style) {
    let spacing = &mut style.spacing;
    spacing.item_spacing = vec2(8.0, 8.0);
    spacing.button_padding = vec2(12.0, 6.0);
    spacing.interact_size = vec2(CONTROL, CONTROL);
    spacing.menu_margin = Margin::same(6);
    spacing.combo_width = 140.0;
    spacing.icon_width = 18.0;
    spacing.scroll = egui::style::ScrollStyle::thin();
    style.text_styles = [
        (TextStyle::Small, regular(SMALL)),
        (TextStyle::Body, regular(BODY)),
        (TextStyle::Button, regular(BODY)),
        (TextStyle::Heading, semibold(HEADING)),
        (TextStyle::Monospace, FontId::monospace(13.0)),
    ]
    .into();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
}

fn set_visuals(visuals: &mut egui::Visuals, p: &Palette) {
    visuals.dark_mode = p.dark;
    visuals.panel_fill = p.background;
    visuals.window_fill = p.card;
    visuals.window_stroke = Stroke::new(1.0, p.line);
    visuals.window_corner_radius = CornerRadius::same(14);
    visuals.menu_corner_radius = CornerRadius::same(10);
    visuals.extreme_bg_color = p.well;
    visuals.text_edit_bg_color = Some(p.well);
    visuals.faint_bg_color = p.hover;
    visuals.code_bg_color = p.well;
    visuals.hyperlink_color = p.accent_text;
    visuals.selection.bg_fill = p.accent.gamma_multiply(if p.dark { 0.35 } else { 0.4 });
    visuals.selection.stroke = Stroke::new(1.5, p.accent_text);
    visuals.weak_text_color = Some(p.dim);
    visuals.warn_fg_color = p.warn;
    visuals.error_fg_color = p.error;
    visuals.slider_trailing_fill = true;
    visuals.disabled_alpha = 0.45;
    visuals.window_shadow = shadow(12, 40, if p.dark { 140 } else { 50 });
    visuals.popup_shadow = shadow(6, 18, if p.dark { 110 } else { 36 });
}

fn shadow(down: i8, blur: u8, alpha: u8) -> Shadow {
    Shadow {
        offset: [0, down],
        blur,
        spread: 0,
        color: Color32::from_black_alpha(alpha),
    }
}

fn set_widgets(widgets: &mut egui::style::Widgets, p: &Palette) {
    let radius = CornerRadius::same(CONTROL_RADIUS);
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, p.line);
    widgets.noninteractive.fg_stroke = Stroke::new(1.0, p.text);
    widgets.noninteractive.corner_radius = radius;
    for (look, fill, border) in [
        (&mut widgets.inactive, p.hover, p.line),
        (&mut widgets.hovered, p.line, p.edge(p.accent_text)),
        (&mut widgets.active, p.line, p.accent_text),
        (&mut widgets.open, p.line, p.line),
    ] {
        look.weak_bg_fill = fill;
        look.bg_fill = fill;
        look.bg_stroke = Stroke::new(1.0, border);
        look.fg_stroke = Stroke::new(1.2, p.text);
        look.corner_radius = radius;
        look.expansion = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_a_guest_can_name_is_readable_on_the_terminals_ground() {
        for inks in [&DARK_INKS, &LIGHT_INKS] {
            assert!(contrast(inks.text, inks.ground) >= 7.0);
            assert!(contrast(inks.text, inks.selection) >= 4.5);
            for found in [inks.found, inks.found_here] {
                assert!(contrast(inks.on_found, found) >= 4.0);
            }
            for index in 0..=255 {
                let ink = inks.readable(inks.color(Ink::Index(index)), inks.ground);
                assert!(contrast(ink, inks.ground) >= 3.0, "{index}");
                let below = inks.color(Ink::Index(index));
                let black = inks.readable(inks.color(Ink::Index(0)), below);
                assert!(contrast(black, below) >= 3.0, "black on {index}");
            }
            for index in 1..=6 {
                let named = inks.color(Ink::Index(index));
                assert!(contrast(named, inks.ground) >= 4.5, "{index}");
            }
        }
        let inks = &DARK_INKS;
        assert_eq!(inks.color(Ink::Index(16)), Color32::BLACK);
        assert_eq!(inks.color(Ink::Index(231)), Color32::WHITE);
        assert_eq!(
            inks.color(Ink::Index(255)),
            inks.color(Ink::Rgb(238, 238, 238))
        );
    }

    #[test]
    fn all_text_has_aa_contrast_on_all_backgrounds() {
        for p in [&DARK, &LIGHT] {
            for (name, text) in [
                ("text", p.text),
                ("dim", p.dim),
                ("accent", p.accent_text),
                ("leaf", p.leaf),
                ("warn", p.warn),
                ("error", p.error),
                ("saved", p.saved),
            ] {
                for below in [p.background, p.side, p.card, p.well] {
                    let ratio = contrast(text, below);
                    assert!(ratio >= 4.5, "{name}, dark {}: {ratio:.2}", p.dark);
                }
                let tinted = p.card.blend(p.tint(text));
                assert!(contrast(p.text, tinted) >= 4.5, "text on tinted {name}");
            }
            assert!(contrast(p.on_accent, p.accent) >= 4.5);
            assert!(contrast(p.text, p.hover) >= 4.5 && contrast(p.dim, p.hover) >= 4.5);
        }
    }
}
