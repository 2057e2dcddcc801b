//! Holds the checked-in test card image to its sources.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/test-card")
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests run the image's own builder"
)]
fn build_script(argument: &Path) -> Output {
    Command::new("sh")
        .arg(sources().join("build.sh"))
        .arg(argument)
        .env_remove("CC")
        .output()
        .unwrap()
}

#[test]
fn the_checked_in_test_card_is_what_its_sources_make() {
    let recorded = std::fs::read_to_string(sources().join("test-card.compiler")).unwrap();
    let here = String::from_utf8_lossy(&build_script(Path::new("--compiler")).stdout).into_owned();
    if here != recorded {
        eprintln!("skipped: the image was made by {recorded:?}, here is {here:?}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("test-card.img");
    let output = build_script(&image);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let same =
        std::fs::read(&image).unwrap() == std::fs::read(sources().join("test-card.img")).unwrap();
    assert!(
        same,
        "the sources changed: rebuild the image as assets/test-card/README.md says"
    );
}

#[test]
fn the_test_card_has_its_boot_signature_and_config_sector() {
    for image in [
        Path::new(env!("ORANGERY_TEST_CARD")),
        &sources().join("test-card.img"),
    ] {
        let bytes = std::fs::read(image).unwrap();
        assert_eq!(bytes.len(), 524_288);
        assert_eq!(bytes[510..512], [0x55, 0xaa]);
        assert!(bytes[512_000..].starts_with(b"ORANGERY-CONFIG1"));
        assert_eq!(bytes[512_016..512_032], [0; 16], "no ballast unless asked");
    }
}
