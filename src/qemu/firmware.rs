//! Which UEFI firmware is installed, and where its empty variables are.
//!
//! Distributions describe their firmware in JSON files:
//! <https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/firmware.json>. Where there
//! are none, a few known places are tried.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::command_line::FirmwareCode;
use crate::model::{FirmwareKind, ImageFormat};

/// A descriptor has about 1 KiB.
const MAX_DESCRIPTOR: u64 = 64 * 1024;
/// Distributions have about twenty.
const MAX_DESCRIPTORS: usize = 256;

/// A firmware that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareFiles {
    pub code: FirmwareCode,
    /// Empty variables, to be copied into a machine's own layer; never written.
    pub variables: PathBuf,
    pub variables_format: ImageFormat,
}

/// Folders with descriptors; the same file name in an earlier one hides it in later ones.
pub fn descriptor_folders() -> Vec<PathBuf> {
    let own = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    own.map(|folder| folder.join("qemu/firmware"))
        .into_iter()
        .chain([
            "/etc/qemu/firmware".into(),
            "/usr/share/qemu/firmware".into(),
        ])
        .collect()
}

/// The firmware of a kind on this computer; `None` for BIOS, which QEMU brings, and when there is
/// none.
pub fn find(kind: FirmwareKind) -> Option<FirmwareFiles> {
    find_in(kind, &descriptor_folders()).or_else(|| find_known(kind))
}

fn find_in(kind: FirmwareKind, folders: &[PathBuf]) -> Option<FirmwareFiles> {
    let mut named: BTreeMap<std::ffi::OsString, PathBuf> = BTreeMap::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder)
            .ok()
            .into_iter()
            .flatten()
            .flatten()
        {
            let json = Path::new(&entry.file_name())
                .extension()
                .is_some_and(|extension| extension == "json");
            if json && named.len() < MAX_DESCRIPTORS {
                named.entry(entry.file_name()).or_insert(entry.path());
            }
        }
    }
    let mut found: Vec<(u8, FirmwareFiles)> = named
        .values()
        .filter_map(|path| read(path))
        .filter_map(|descriptor| {
            let rank = descriptor.rank(kind)?;
            Some((rank, descriptor.files()?))
        })
        .filter(|(_, files)| files.code.path.is_file() && files.variables.is_file())
        .collect();
    // Stable: among equals the file names decide, as the specification says.
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().next().map(|(_, files)| files)
}

fn read(path: &Path) -> Option<Descriptor> {
    let mut text = Vec::new();
    File::open(path)
        .ok()?
        .take(MAX_DESCRIPTOR)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "interface-types")]
    interfaces: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Mapping {
    device: String,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    executable: Option<Image>,
    #[serde(default, rename = "nvram-template")]
    variables: Option<Image>,
}

#[derive(Deserialize)]
struct Image {
    filename: PathBuf,
    format: String,
}

#[derive(Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

impl Descriptor {
    /// How well it fits, 0 best; `None` if it does not.
    fn rank(&self, kind: FirmwareKind) -> Option<u8> {
        let has = |feature: &str| self.features.iter().any(|known| known == feature);
        let fits = self.interfaces.iter().any(|known| known == "uefi")
            && self.mapping.device == "flash"
            && self
                .mapping
                .mode
                .as_deref()
                .is_none_or(|mode| mode == "split")
            && self.targets.iter().any(Target::is_q35);
        if !fits {
            return None;
        }
        match kind {
            FirmwareKind::Bios => None,
            FirmwareKind::Uefi => (!has("secure-boot") && !has("requires-smm")).then_some(0),
            FirmwareKind::Secure if has("secure-boot") && has("requires-smm") => {
                // Without keys it would boot anything.
                has("enrolled-keys").then_some(0)
            }
            FirmwareKind::Secure => None,
        }
    }

    fn files(&self) -> Option<FirmwareFiles> {
        let code = self.mapping.executable.as_ref()?;
        let variables = self.mapping.variables.as_ref()?;
        Some(FirmwareFiles {
            code: FirmwareCode {
                path: code.filename.clone(),
                format: format(&code.format)?,
            },
            variables: variables.filename.clone(),
            variables_format: format(&variables.format)?,
        })
    }
}

impl Target {
    fn is_q35(&self) -> bool {
        self.architecture == "x86_64"
            && self
                .machines
                .iter()
                .any(|machine| machine.starts_with("pc-q35-") || machine == "q35")
    }
}

fn format(name: &str) -> Option<ImageFormat> {
    match name {
        "raw" => Some(ImageFormat::Raw),
        "qcow2" => Some(ImageFormat::Qcow2),
        _ => None,
    }
}

/// Code and variables where distributions without descriptors put them.
const KNOWN: [(FirmwareKind, &str, &str); 7] = [
    (
        FirmwareKind::Uefi,
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    (
        FirmwareKind::Uefi,
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
    (
        FirmwareKind::Uefi,
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    (
        FirmwareKind::Uefi,
        "/usr/share/qemu/edk2-x86_64-code.fd",
        "/usr/share/qemu/edk2-i386-vars.fd",
    ),
    (
        FirmwareKind::Uefi,
        "/run/current-system/sw/share/qemu/edk2-x86_64-code.fd",
        "/run/current-system/sw/share/qemu/edk2-i386-vars.fd",
    ),
    (
        FirmwareKind::Secure,
        "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    ),
    (
        FirmwareKind::Secure,
        "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd",
    ),
];

fn find_known(kind: FirmwareKind) -> Option<FirmwareFiles> {
    KNOWN
        .iter()
        .filter(|(of, code, variables)| {
            *of == kind && Path::new(code).is_file() && Path::new(variables).is_file()
        })
        .map(|(_, code, variables)| FirmwareFiles {
            code: FirmwareCode {
                path: code.into(),
                format: ImageFormat::Raw,
            },
            variables: variables.into(),
            variables_format: ImageFormat::Raw,
        })
        .next()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn descriptor(folder: &Path, name: &str, features: &str, mode: &str) {
        let code = folder.join(format!("{name}.code"));
        let variables = folder.join(format!("{name}.vars"));
        for file in [&code, &variables] {
            File::create(file).unwrap();
        }
        let text = format!(
            r#"{{"interface-types": ["uefi"], "mapping": {{"device": "flash", {mode}
                "executable": {{"filename": {code:?}, "format": "raw"}},
                "nvram-template": {{"filename": {variables:?}, "format": "raw"}}}},
                "targets": [{{"architecture": "x86_64", "machines": ["pc-q35-*"]}}],
                "features": [{features}], "tags": []}}"#
        );
        let mut file = File::create(folder.join(format!("{name}.json"))).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn descriptors_choose_by_features_and_then_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let enrolled = r#""secure-boot", "requires-smm", "enrolled-keys""#;
        descriptor(folder, "30-stateless", "", r#""mode": "stateless","#);
        descriptor(folder, "40-keys", enrolled, "");
        descriptor(folder, "50-nokeys", r#""secure-boot", "requires-smm""#, "");
        descriptor(folder, "60-plain", "", r#""mode": "split","#);
        descriptor(folder, "70-plain", "", "");
        File::create(folder.join("10-broken.json")).unwrap();
        let folders = [folder.to_owned()];
        let code = |kind| {
            let files = find_in(kind, &folders)?;
            Some(files.code.path.file_name()?.to_string_lossy().into_owned())
        };
        assert_eq!(code(FirmwareKind::Uefi).as_deref(), Some("60-plain.code"));
        assert_eq!(code(FirmwareKind::Secure).as_deref(), Some("40-keys.code"));
        assert_eq!(code(FirmwareKind::Bios), None);
    }
}
