/* ACPI: how many processors, the power button, and power off by S5. */
#include "card.h"

static u16 events, control;
static u8 sleep_type;
static bool ready;

static u32 get32(const u8 *at) { return *(const u32 *)at; }

static const u8 *find_root(u32 from, u32 to)
{
    for (u32 at = from; at < to; at += 16)
        if (!memcmp((const void *)(u64)at, "RSD PTR ", 8)) {
            u8 sum = 0;
            for (int i = 0; i < 20; i++)
                sum += ((const u8 *)(u64)at)[i];
            if (!sum)
                return (const u8 *)(u64)at;
        }
    return NULL;
}

static const u8 *find_table(const u8 *rsdt, const char *name)
{
    for (u32 i = 36; i + 4 <= get32(rsdt + 4) && i < 4096; i += 4) {
        const u8 *table = (const u8 *)(u64)get32(rsdt + i);
        if (!memcmp(table, name, 4))
            return table;
    }
    return NULL;
}

/* Name(_S5_, Package() { SLP_TYPa, ... }): 08 "_S5_" 12 length count value */
static bool find_sleep_type(const u8 *dsdt)
{
    u32 length = get32(dsdt + 4);
    for (u32 i = 36; i + 16 < length; i++) {
        if (memcmp(dsdt + i, "_S5_", 4) || dsdt[i + 4] != 0x12)
            continue;
        const u8 *p = dsdt + i + 5;
        p += (*p >> 6) + 2; /* package length, element count */
        sleep_type = *p == 0x0a ? p[1] : *p == 1 ? 1 : 0;
        return true;
    }
    return false;
}

static void count_processors(const u8 *madt)
{
    u32 length = get32(madt + 4);
    for (u32 i = 44; i + 8 <= length && madt[i + 1] >= 2; i += madt[i + 1]) {
        bool local = madt[i] == 0 && madt[i + 4] & 1;
        bool x2 = madt[i] == 9 && madt[i + 8] & 1;
        card.processors += local || x2;
    }
}

void acpi_start(void)
{
    u32 ebda = *(volatile u16 *)0x40e << 4;
    const u8 *root = ebda >= 0x80000 ? find_root(ebda, ebda + 1024) : NULL;
    if (!root)
        root = find_root(0xe0000, 0x100000);
    if (!root)
        return;
    const u8 *rsdt = (const u8 *)(u64)get32(root + 16);
    const u8 *madt = find_table(rsdt, "APIC"), *fadt = find_table(rsdt, "FACP");
    if (madt)
        count_processors(madt);
    if (!fadt || !find_sleep_type((const u8 *)(u64)get32(fadt + 40)))
        return;
    u32 command = get32(fadt + 48);
    events = get32(fadt + 56);
    control = get32(fadt + 64);
    if (command && fadt[52] && !(in16(control) & 1)) {
        out8(command, fadt[52]); /* to ACPI mode */
        for (int spins = 0; !(in16(control) & 1) && spins < 100000; spins++)
            ;
    }
    out16(events, 1 << 8);           /* forget an old press */
    out16(events + fadt[88] / 2, 1 << 8); /* power button on; its interrupt stays masked */
    ready = true;
}

bool acpi_power_button(void)
{
    if (!ready || !(in16(events) & 1 << 8))
        return false;
    out16(events, 1 << 8);
    return true;
}

void acpi_power_off(void) { out16(control, (in16(control) & 0xe3ff) | sleep_type << 10 | 1 << 13); }
