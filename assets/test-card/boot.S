# Boot sector and real-mode part of the test card: loads the card, asks the BIOS
# for the memory map and a screen mode, then enters 64-bit mode.
#
# Memory below 1 MiB: 0x7c00 this file (8 sectors), 0x9000 config sector,
# 0x9800 notes for the C part, 0xa000 memory map, 0xb000 VBE answers,
# 0x10000 the C part. Boot page tables at 0x200000.

        .set NOTE_DRIVE,  0x9800
        .set NOTE_TSC,    0x9808
        .set NOTE_E820,   0x9810        # number of memory map entries
        .set NOTE_VBE,    0x9814        # 1 when a VBE mode was set
        .set CONFIG,      0x9000
        .set MAP,         0xa000
        .set VBE_INFO,    0xb000
        .set VBE_MODE,    0xb200
        .set TABLES,      0x200000

        .section .boot, "awx"
        .code16
        .globl start
start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        ljmp    $0, $1f
1:      sti
        cld
        movb    %dl, NOTE_DRIVE
        rdtsc
        movl    %eax, NOTE_TSC
        movl    %edx, NOTE_TSC + 4

        movb    $0x41, %ah              # are the int 13h extensions there?
        movw    $0x55aa, %bx
        movb    NOTE_DRIVE, %dl
        int     $0x13
        jc      disk_error
        cmpw    $0xaa55, %bx
        jne     disk_error

        movl    $1, %eax                # the rest of this file
        movw    $0x07e0, %bx
        movw    $7, %cx
        call    read
        movl    $1000, %eax             # the config sector
        movw    $(CONFIG >> 4), %bx
        movw    $1, %cx
        call    read
        movl    $8, %eax                # the C part
        movw    $0x1000, %bx
        movw    $payload_sectors, %cx
        call    read
        jmp     stage2

# Reads %cx sectors from %eax to segment %bx, at most 64 at a time.
read:
        movw    $64, %dx
        cmpw    %dx, %cx
        jae     1f
        movw    %cx, %dx
1:      movw    %dx, packet_count
        movw    %bx, packet_segment
        movl    %eax, packet_lba
        pushal
        movb    $0x42, %ah
        movb    NOTE_DRIVE, %dl
        movw    $packet, %si
        int     $0x13
        popal
        jc      disk_error
        movzwl  %dx, %edi
        addl    %edi, %eax
        shlw    $5, %di
        addw    %di, %bx
        subw    %dx, %cx
        jnz     read
        ret

disk_error:
        movw    $message, %si
1:      lodsb
        testb   %al, %al
        jz      2f
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b

message: .asciz "The test card could not read its disk."

        .balign 4
packet: .byte   16, 0
packet_count: .word 0
        .word   0
packet_segment: .word 0
packet_lba: .long 0, 0

        .org    510
        .word   0xaa55

stage2:
        movb    $0x92, %al              # open the A20 gate (already open on QEMU)
        inb     $0x92, %al
        orb     $2, %al
        andb    $0xfe, %al
        outb    %al, $0x92
        call    memory_map
        call    screen_mode
        cli
        lgdt    gdt_pointer
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $protected

memory_map:
        movl    $0, NOTE_E820
        xorl    %ebx, %ebx
        movw    $MAP, %di
1:      movl    $0xe820, %eax
        movl    $0x534d4150, %edx
        movl    $24, %ecx
        movl    $1, 20(%di)
        int     $0x15
        jc      2f
        cmpl    $0x534d4150, %eax
        jne     2f
        incl    NOTE_E820
        addw    $24, %di
        cmpl    $96, NOTE_E820
        jae     2f
        testl   %ebx, %ebx
        jnz     1b
2:      ret

# Sets the 32-bit VBE mode nearest to 1280x800, unless a virtio GPU is there.
screen_mode:
        movl    $0, NOTE_VBE
        movw    $0xb102, %ax
        movw    $0x1050, %cx
        movw    $0x1af4, %dx
        xorw    %si, %si
        int     $0x1a
        jnc     9f
        movl    $0x32454256, VBE_INFO   # "VBE2"
        movw    $VBE_INFO, %di
        movw    $0x4f00, %ax
        int     $0x10
        cmpw    $0x004f, %ax
        jne     9f
        movw    VBE_INFO + 16, %fs
        movw    VBE_INFO + 14, %si
        movw    $0xffff, best_score
1:      movw    %fs:(%si), %cx
        addw    $2, %si
        cmpw    $0xffff, %cx
        je      5f
        call    mode_facts
        jne     1b
        movw    VBE_MODE, %ax           # supported, with a linear framebuffer
        andw    $0x81, %ax
        cmpw    $0x81, %ax
        jne     1b
        cmpb    $32, VBE_MODE + 0x19
        jne     1b
        cmpw    $640, VBE_MODE + 0x12
        jb      1b
        cmpw    $2560, VBE_MODE + 0x12
        ja      1b
        cmpw    $480, VBE_MODE + 0x14
        jb      1b
        cmpw    $1600, VBE_MODE + 0x14
        ja      1b
        movw    VBE_MODE + 0x12, %ax
        subw    $1280, %ax
        jns     2f
        negw    %ax
2:      movw    VBE_MODE + 0x14, %dx
        subw    $800, %dx
        jns     3f
        negw    %dx
3:      addw    %dx, %ax
        cmpw    best_score, %ax
        jae     1b
        movw    %ax, best_score
        movw    %cx, best_mode
        jmp     1b
5:      cmpw    $0xffff, best_score
        je      9f
        movw    best_mode, %cx
        call    mode_facts
        jne     9f
        movw    best_mode, %bx
        orw     $0x4000, %bx
        movw    $0x4f02, %ax
        int     $0x10
        cmpw    $0x004f, %ax
        jne     9f
        movl    $1, NOTE_VBE
9:      ret

# Asks for the facts of VBE mode %cx; equal when the BIOS knows them.
mode_facts:
        pushw   %cx
        pushw   %si
        movw    $0x4f01, %ax
        movw    $VBE_MODE, %di
        int     $0x10
        popw    %si
        popw    %cx
        cmpw    $0x004f, %ax
        ret

best_score: .word 0
best_mode:  .word 0

        .balign 8
gdt:    .quad   0
        .quad   0x00cf9a000000ffff      # 0x08 32-bit code
        .quad   0x00cf92000000ffff      # 0x10 data
        .quad   0x00af9a000000ffff      # 0x18 64-bit code
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .code32
protected:
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $0x7c00, %esp
        cld
        movl    $TABLES, %edi           # identity map of the first 4 GiB
        xorl    %eax, %eax
        movl    $(6 * 1024), %ecx
        rep stosl
        movl    $(TABLES + 0x1003), TABLES
        movl    $(TABLES + 0x2003), TABLES + 0x1000
        movl    $(TABLES + 0x3003), TABLES + 0x1008
        movl    $(TABLES + 0x4003), TABLES + 0x1010
        movl    $(TABLES + 0x5003), TABLES + 0x1018
        movl    $(TABLES + 0x2000), %edi
        movl    $0x83, %eax
        movl    $2048, %ecx
1:      movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        decl    %ecx
        jnz     1b
        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $0x20, %eax             # PAE
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax            # long mode
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000000, %eax
        movl    %eax, %cr0
        ljmpl   $0x18, $long_mode

        .code64
long_mode:
        movl    $stack_top, %esp
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        movl    $card_main, %eax
        jmpq    *%rax

# Exceptions: push a zero where the processor pushes no error code, then the
# number, then hand the frame to C, which never returns.
        .section .text, "ax"
        .altmacro
        .macro  exception number
        .balign 16
        .if (\number == 8) || ((\number >= 10) && (\number <= 14)) || (\number == 17) || (\number == 21)
        .else
        pushq   $0
        .endif
        pushq   $\number
        movq    %rsp, %rdi
        andq    $-16, %rsp
        call    exception_caught
        .endm

        .globl  exception_stubs, timer_stub, other_stub
        .balign 16
exception_stubs:
        .set    i, 0
        .rept   32
        exception %i
        .balign 32
        .set    i, i + 1
        .endr

timer_stub:
        .irp    register, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
        pushq   %\register
        .endr
        cld
        call    timer_beat
        .irp    register, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
        popq    %\register
        .endr
other_stub:
        iretq

        .section .config, "a"
        .ascii  "ORANGERY-CONFIG1"      # 16 bytes of magic
        .quad   0                       # ballast in bytes
        .quad   0                       # seed
        .org    4096                    # state sector: the boot counter
        .ascii  "ORANGERY-BOOTS-1"
        .long   0
        .org    8192                    # writes sector: counted every 2 s
        .ascii  "ORANGERY-WRITES1"
        .long   0

        .section .note.GNU-stack, "", @progbits
