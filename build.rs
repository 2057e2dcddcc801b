//! Builds the test card guest, or takes the checked-in image where no x86-64 C compiler is.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const SOURCES: &str = "assets/test-card";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={SOURCES}");
    println!("cargo:rerun-if-env-changed=CC");
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let sources = root.join(SOURCES);
    let built = PathBuf::from(variable("OUT_DIR")?).join("test-card.img");
    if !compilers()
        .iter()
        .any(|compiler| build(compiler, &sources, &built))
    {
        fs::copy(sources.join("test-card.img"), &built)?;
    }
    println!("cargo:rustc-env=ORANGERY_TEST_CARD={}", built.display());
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// The compilers to try, in order. Only these were tried out on the sources.
fn compilers() -> Vec<String> {
    env::var("CC")
        .into_iter()
        .chain(["gcc".to_owned(), "x86_64-linux-gnu-gcc".to_owned()])
        .collect()
}

/// True when this compiler made a whole image. Its complaints stay out of
/// the build's output: the checked-in image is as good.
#[expect(
    clippy::disallowed_methods,
    reason = "a build script runs the compiler; `confine` is not built yet"
)]
fn build(compiler: &str, sources: &Path, image: &Path) -> bool {
    let made = std::process::Command::new("sh")
        .arg(sources.join("build.sh"))
        .arg(image)
        .env("CC", compiler)
        .output()
        .is_ok_and(|output| output.status.success());
    made && fs::read(image).is_ok_and(|bytes| is_whole(&bytes))
}

/// The boot signature and the configuration sector are where they belong.
fn is_whole(image: &[u8]) -> bool {
    image.len() == 524_288
        && image[510..512] == [0x55, 0xaa]
        && image[512_000..].starts_with(b"ORANGERY-CONFIG1")
}
