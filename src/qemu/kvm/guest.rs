//! Sets up one virtual processor and runs the tiny guest. Runs in a process of its own.
#![expect(
    unsafe_code,
    reason = "KVM is told addresses of our memory, which no type can vouch for"
)]

use std::io;

use kvm_bindings::{KVM_MAX_CPUID_ENTRIES, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};

use super::Answer;
use super::rom;

const RAM: usize = 0x4_0000;
const PAGE: usize = 4096;
/// The guest leaves five times; more means that it is lost.
const MAX_EXITS: u32 = 64;

/// Runs the guest to its end and tells how that went. May hang for ever.
pub(super) fn run() -> Answer {
    match try_run() {
        Ok(answer) => answer,
        Err((step, error)) => Answer::Refused {
            step: format!("{step}: {}", io::Error::from(error)),
        },
    }
}

fn try_run() -> Result<Answer, (&'static str, kvm_ioctls::Error)> {
    let kvm = Kvm::new().map_err(|error| ("opening /dev/kvm", error))?;
    let vm = kvm
        .create_vm()
        .map_err(|error| ("making a machine", error))?;
    // Old Intel processors need room for it; others refuse it, which is fine.
    vm.set_tss_address(0xfffb_d000).ok();
    let rom = rom::image();
    map(&vm, 0, 0, &vec![0; RAM])?;
    map(&vm, 1, 0xf_0000, &rom)?;
    map(&vm, 2, 0xffff_0000, &rom)?;
    let vcpu = vm
        .create_vcpu(0)
        .map_err(|error| ("making a processor", error))?;
    let features = kvm
        .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
        .map_err(|error| ("asking for processor features", error))?;
    vcpu.set_cpuid2(&features)
        .map_err(|error| ("setting processor features", error))?;
    follow(vcpu)
}

/// Gives the guest a page-aligned copy of `content` at `address`.
fn map(
    vm: &VmFd,
    slot: u32,
    address: u64,
    content: &[u8],
) -> Result<(), (&'static str, kvm_ioctls::Error)> {
    let memory: &'static mut [u8] = Box::leak(vec![0; content.len() + PAGE].into_boxed_slice());
    let start = memory.as_ptr().align_offset(PAGE);
    let memory = &mut memory[start..start + content.len()];
    memory.copy_from_slice(content);
    let region = kvm_userspace_memory_region {
        slot,
        flags: 0,
        guest_phys_addr: address,
        memory_size: content.len() as u64,
        userspace_addr: memory.as_mut_ptr() as u64,
    };
    // SAFETY: the memory is page-aligned, as long as said, never freed, and nobody here looks at
    // it again.
    unsafe { vm.set_user_memory_region(region) }.map_err(|error| ("giving it memory", error))
}

fn follow(mut vcpu: VcpuFd) -> Result<Answer, (&'static str, kvm_ioctls::Error)> {
    let mut trace = Vec::new();
    for _ in 0..MAX_EXITS {
        match vcpu.run() {
            Ok(VcpuExit::IoOut(rom::TRACE_PORT, data)) => trace.extend_from_slice(data),
            Ok(VcpuExit::IoOut(rom::END_PORT, _)) if trace == rom::TRACE => {
                return Ok(Answer::Works);
            }
            Ok(exit) => {
                return Ok(Answer::Refused {
                    step: format!(
                        "running a guest: {exit:?} after “{}”",
                        String::from_utf8_lossy(&trace)
                    ),
                });
            }
            Err(error) if error.errno() == rustix::io::Errno::INTR.raw_os_error() => {}
            Err(error) => return Err(("running a guest", error)),
        }
    }
    Ok(Answer::Refused {
        step: "running a guest: it does not end".to_owned(),
    })
}
