/* The test card: start the devices, then 60 frames a second. */
#include "card.h"

struct card card;

/* KVM may stand behind Hyper-V's signature, 0x100 leaves further on. */
static void find_accelerator(void)
{
    u32 a, b, c, d;
    cpuid(1, &a, &b, &c, &d);
    for (u32 leaf = 0x40000000; c >> 31 & 1 && leaf <= 0x40000200; leaf += 0x100) {
        u32 words[4] = { 0 };
        cpuid(leaf, &a, &words[0], &words[1], &words[2]);
        if (a < leaf || a > leaf + 0x100)
            return;
        if (leaf == 0x40000000)
            memcpy(card.accelerator_name, words, 12);
        if (!memcmp(words, "KVMKVMKVM", 9))
            card.accelerator = ACCEL_KVM;
        else if (!memcmp(words, "TCGTCGTCGTCG", 12))
            card.accelerator = ACCEL_TCG;
        else if (leaf == 0x40000000)
            card.accelerator = ACCEL_OTHER;
    }
}

struct caught {
    u64 number, error, rip, cs, flags, rsp, ss;
};

void exception_caught(const struct caught *frame)
{
    char one[96], two[96];
    u64 address;
    asm volatile("mov %%cr2, %0" : "=r"(address));
    format(one, sizeof one, "Exception %u at 0x%x, error 0x%x, address 0x%x", frame->number, frame->rip, frame->error, address);
    format(two, sizeof two, "Stack 0x%x, flags 0x%x", frame->rsp, frame->flags);
    if (!card.caught) { /* the second time painting itself may be at fault */
        card.caught = true;
        serial(one);
        panel_exception(one, two);
        strip_draw();
        screen_panic();
    }
    for (;;)
        asm volatile("cli; hlt");
}

static void draw_all(void)
{
    scene_draw();
    panel_draw();
    other_draw();
    strip_reset();
}

static void draw_frame(void)
{
    card.frame++;
    scene_move();
    panel_update();
    strip_draw();
    screen_present();
}

static void leave(void)
{
    card.leaving = true;
    draw_frame();
    disk_finish();
    serial("test card: power button, switching off");
    acpi_power_off();
}

void card_main(void)
{
    machine_start();
    card.nonce = random32();
    find_accelerator();
    pci_scan();
    acpi_start();
    screen_start();
    input_start();
    draw_all();
    disk_start();
    net_start();
    sound_start();
    ballast_start();
    draw_frame();
    u64 from = tsc();
    while (screen_busy() && milliseconds(tsc() - from) < 1000)
        ;
    card.boot_ms = uptime_ms();
    serial("test card: running");
    for (;;) {
        wait_tick();
        input_poll();
        disk_poll();
        net_poll();
        sound_poll();
        if (acpi_power_button())
            leave();
        if (!screen_busy()) {
            if (screen_mode_changed())
                draw_all();
            draw_frame();
        }
        ballast_poll();
    }
}
