//! The one binary: hidden sub-programs first, then the command line and the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some(orangery::confine::CONFINED) => orangery::confine::confined_main(),
        Some(orangery::qemu::kvm::KVM_PROBE) => orangery::qemu::kvm::kvm_probe_main(),
        Some(orangery::storage::difference::DISK_READER) => {
            orangery::storage::difference::disk_reader_main()
        }
        _ => orangery::cli::run(std::env::args_os()),
    }
}
