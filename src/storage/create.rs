//! Argument lists for `qemu-img create`; program name not included.
//!
//! Formats are always named, never probed. `-u` keeps qemu-img from opening the backing file, so
//! that it needs no access to it. Refcounts are not lazy: a killed QEMU leaves an image that needs
//! no repair at the next start.

use std::ffi::OsString;
use std::path::Path;

use crate::model::{ByteSize, ImageFormat};

const OPTIONS: &str = "cluster_size=64k,lazy_refcounts=off,preallocation=off";

/// A new empty qcow2 disk.
pub fn create_args(path: &Path, size: ByteSize) -> Vec<OsString> {
    let mut args = start();
    args.push(safe_path(path));
    args.push(size.0.to_string().into());
    args
}

/// A new qcow2 layer on `backing`, a path relative to the new file's folder.
pub fn overlay_args(
    path: &Path,
    backing: &Path,
    backing_format: ImageFormat,
    size: ByteSize,
) -> Vec<OsString> {
    let mut args = start();
    args.extend(["-u", "-F", backing_format.driver(), "-b"].map(OsString::from));
    args.push(backing.into());
    args.push(safe_path(path));
    args.push(size.0.to_string().into());
    args
}

fn start() -> Vec<OsString> {
    ["create", "-q", "-f", "qcow2", "-o", OPTIONS]
        .map(OsString::from)
        .to_vec()
}

/// qemu-img takes `nbd:…`, `json:…` and a leading dash for something else than a file.
fn safe_path(path: &Path) -> OsString {
    if path.is_absolute() {
        return path.into();
    }
    Path::new(".").join(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &[OsString], expected: &str) {
        let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn a_new_disk_names_its_format() {
        check(
            &create_args(Path::new("/l/a.qcow2"), ByteSize::gib(1)),
            "create -q -f qcow2 -o cluster_size=64k,lazy_refcounts=off,preallocation=off \
             /l/a.qcow2 1073741824",
        );
    }

    #[test]
    fn an_overlay_names_both_formats_and_a_relative_backing_path() {
        check(
            &overlay_args(
                Path::new("nbd:b.qcow2"),
                Path::new("../../m/disks/a.qcow2"),
                ImageFormat::Qcow2,
                ByteSize(512),
            ),
            "create -q -f qcow2 -o cluster_size=64k,lazy_refcounts=off,preallocation=off \
             -u -F qcow2 -b ../../m/disks/a.qcow2 ./nbd:b.qcow2 512",
        );
    }
}
