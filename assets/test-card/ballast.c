/* Fills memory with pseudorandom pages and checks them again and again, a slice per frame. */
#include "card.h"

enum { PAGE = 4096, REGIONS = 16, FILL_MS = 9, CHECK_MS = 2 };

static struct {
    u64 base, pages, first; /* first: number of its first page in the ballast */
} regions[REGIONS];
static int region_count;
static u64 pages, seed, at;

/* Knuth's 64-bit LCG with its halves mixed: few operations, as emulation pays for each. */
static inline u64 next(u64 *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state ^ *state >> 32;
}

void ballast_start(void)
{
    if (memcmp(CONFIG_SECTOR, "ORANGERY-CONFIG1", 16))
        return;
    card.ballast_wanted = *(u64 *)(CONFIG_SECTOR + 16);
    seed = *(u64 *)(CONFIG_SECTOR + 24);
    u64 wanted = (card.ballast_wanted + PAGE - 1) / PAGE;
    for (u32 i = 0; i < NOTE_E820 && region_count < REGIONS; i++) {
        u64 from = (E820[i].base + PAGE - 1) & ~(u64)(PAGE - 1);
        u64 to = (E820[i].base + E820[i].length) & ~(u64)(PAGE - 1);
        if (from < LAYERS_END)
            from = LAYERS_END;
        if (to > 64ull << 30)
            to = 64ull << 30;
        if (E820[i].type != 1 || to <= from || pages == wanted)
            continue;
        u64 count = (to - from) / PAGE;
        if (count > wanted - pages)
            count = wanted - pages;
        regions[region_count].base = from;
        regions[region_count].pages = count;
        regions[region_count++].first = pages;
        pages += count;
    }
    card.ballast_short = pages < wanted;
    card.ballast = wanted ? BALLAST_FILLING : BALLAST_NONE;
}

static u64 *page_address(u64 number)
{
    int i = 0;
    while (i + 1 < region_count && number >= regions[i + 1].first)
        i++;
    return (u64 *)(regions[i].base + (number - regions[i].first) * PAGE);
}

static void fill_page(u64 number)
{
    u64 *p = page_address(number), state = seed ^ number * 0xd1342543de82ef95ull;
    for (int i = 0; i < PAGE / 8; i++)
        p[i] = next(&state);
}

static void check_page(u64 number)
{
    u64 *p = page_address(number), state = seed ^ number * 0xd1342543de82ef95ull;
    for (int i = 0; i < PAGE / 8; i++)
        if (p[i] != next(&state)) {
            if (card.ballast != BALLAST_BAD)
                card.ballast_bad_at = (u64)&p[i];
            card.ballast = BALLAST_BAD; /* stays bad */
            return;
        }
}

void ballast_poll(void)
{
    if (!pages)
        return;
    bool filling = card.ballast == BALLAST_FILLING;
    u64 from = tsc();
    do {
        for (int i = 0; i < 16 && at < pages; i++, at++)
            filling ? fill_page(at) : check_page(at);
    } while (at < pages && milliseconds(tsc() - from) < (filling ? FILL_MS : CHECK_MS));
    card.ballast_percent = at * 100 / pages;
    if (filling)
        card.ballast_filled = at * PAGE;
    if (at == pages) {
        at = 0;
        if (filling)
            card.ballast = BALLAST_OK;
        else if (card.ballast != BALLAST_BAD)
            card.ballast_done++;
    }
}
