//! What a VMDK names beside itself: extents in other files, a parent.
//!
//! Format: VMware's Virtual Disk Format 1.1, and what QEMU's `block/vmdk.c` makes of it.

/// As much of an embedded descriptor as QEMU looks through for a parent, bytes.
const DESCRIPTOR: usize = 20 * 512;
/// Longest name that is told.
const MAX_NAME: usize = 120;

/// The name of another file that a VMDK with this start would have QEMU open; `?` where it can't
/// be told which. Total: any bytes give an answer.
pub(super) fn other_file(head: &[u8]) -> Option<String> {
    if head.starts_with(b"COWD") {
        return None; // Version 3: one file, no descriptor.
    }
    if !head.starts_with(b"KDMV") {
        // A text that only describes: its data always lies elsewhere.
        return Some(named(head).unwrap_or_else(|| "?".to_owned()));
    }
    let number = |at: usize| {
        let bytes = head.get(at..at + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let unclear = || Some("?".to_owned());
    let (Some(capacity), Some(sector)) = (number(12), number(28)) else {
        return unclear();
    };
    if sector == 0 {
        return (capacity == 0).then(|| "?".to_owned());
    }
    let descriptor = usize::try_from(sector)
        .ok()
        .and_then(|sector| sector.checked_mul(512))
        .and_then(|start| head.get(start..start.checked_add(DESCRIPTOR)?));
    let Some(descriptor) = descriptor else {
        return unclear(); // Further off than any program puts it.
    };
    // Without a capacity of its own QEMU takes the descriptor's extents for the disk.
    if capacity == 0 {
        return Some(named(descriptor).unwrap_or_else(|| "?".to_owned()));
    }
    parent(descriptor)
}

/// The file that a descriptor's first extent with a name lies in.
fn named(descriptor: &[u8]) -> Option<String> {
    let lines = descriptor.split(|byte| *byte == b'\n').take(4096);
    let mut names = lines.filter_map(|line| {
        let line = line.trim_ascii_start();
        let access = [b"RW ".as_slice(), b"RDONLY ", b"NOACCESS "];
        let extent = access.iter().any(|word| line.starts_with(word));
        extent.then(|| quoted(line)).flatten()
    });
    names.next().or_else(|| parent(descriptor))
}

fn parent(descriptor: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"parentFileNameHint";
    let at = descriptor
        .windows(KEY.len())
        .position(|window| window.eq_ignore_ascii_case(KEY))?;
    Some(quoted(&descriptor[at..]).unwrap_or_else(|| "?".to_owned()))
}

/// What stands between the first two quotation marks, without what could deceive.
fn quoted(bytes: &[u8]) -> Option<String> {
    let mut parts = bytes.split(|byte| *byte == b'"');
    let name = parts.nth(1)?;
    let name = String::from_utf8_lossy(&name[..name.len().min(4 * MAX_NAME)]).into_owned();
    let name = name.chars().take(MAX_NAME);
    Some(name.flat_map(char::escape_debug).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(capacity: u64, sector: u64, descriptor: &[u8]) -> Vec<u8> {
        let mut head = vec![0; 64 << 10];
        head[..4].copy_from_slice(b"KDMV");
        head[12..20].copy_from_slice(&capacity.to_le_bytes());
        head[28..36].copy_from_slice(&sector.to_le_bytes());
        head[512..512 + descriptor.len()].copy_from_slice(descriptor);
        head
    }

    #[test]
    fn a_descriptor_tells_the_file_that_it_names() {
        let text = b"# Disk DescriptorFile\nversion=1\nRW 2048 FLAT \"/etc/passwd\" 0\n";
        assert_eq!(other_file(text).as_deref(), Some("/etc/passwd"));
        let odd = b"version=1\n RDONLY 1 SPARSE \"a\x1b[2J\xff\"";
        assert_eq!(other_file(odd).as_deref(), Some("a\\u{1b}[2J\u{fffd}"));
        assert_eq!(other_file(b"# Disk DescriptorFile").as_deref(), Some("?"));
    }

    #[test]
    fn a_sparse_file_names_nothing_unless_it_has_a_parent_or_no_disk_of_its_own() {
        let own = b"RW 2048 SPARSE \"disk.vmdk\"\n";
        assert_eq!(other_file(&sparse(2048, 1, own)), None);
        assert_eq!(other_file(&sparse(2048, 0, b"")), None);
        let child = b"parentFileNameHint=\"/etc/shadow\"\n";
        let named = other_file(&sparse(2048, 1, child));
        assert_eq!(named.as_deref(), Some("/etc/shadow"));
        let flat = b"RW 2048 FLAT \"/etc/passwd\" 0\n";
        let named = other_file(&sparse(0, 1, flat));
        assert_eq!(named.as_deref(), Some("/etc/passwd"));
        for sector in [127, u64::MAX, 1 << 55] {
            assert_eq!(other_file(&sparse(1, sector, b"")).as_deref(), Some("?"));
        }
        assert_eq!(other_file(b"KDMV").as_deref(), Some("?"));
    }
}
