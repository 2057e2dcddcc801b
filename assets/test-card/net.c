/* The network: asks for an address by DHCP (discover and offer) on virtio-net. */
#include "card.h"

enum { BUFFERS = 16, BUFFER = 2048, HEADER = 12, F_MAC = 5, ASK_TICKS = 120, ASKS = 5 };

static struct virtio net;
static struct queue receive, send;
static u8 buffers[BUFFERS][BUFFER] __attribute__((aligned(16)));
static u8 packet[HEADER + 342] __attribute__((aligned(16)));
static u8 mac[6];
static u32 transaction;
static bool open;
static int asked;
static u64 next_ask;

static void big16(u8 *at, u16 v)
{
    at[0] = v >> 8;
    at[1] = v;
}

static u16 checksum(const u8 *data, int bytes)
{
    u32 sum = 0;
    for (int i = 0; i < bytes; i += 2)
        sum += data[i] << 8 | data[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static void discover(void)
{
    if (!queue_idle(&send))
        return;
    memset(packet, 0, sizeof packet);
    u8 *ethernet = packet + HEADER, *ip = ethernet + 14, *udp = ip + 20, *dhcp = udp + 8;
    memset(ethernet, 0xff, 6);
    memcpy(ethernet + 6, mac, 6);
    big16(ethernet + 12, 0x0800);
    ip[0] = 0x45;
    big16(ip + 2, 20 + 8 + 300);
    ip[8] = 64;
    ip[9] = 17;
    memset(ip + 16, 0xff, 4);
    big16(ip + 10, checksum(ip, 20));
    big16(udp, 68);
    big16(udp + 2, 67);
    big16(udp + 4, 8 + 300); /* no checksum: optional in IPv4 */
    dhcp[0] = dhcp[1] = 1;
    dhcp[2] = 6;
    memcpy(dhcp + 4, &transaction, 4);
    big16(dhcp + 10, 0x8000); /* answer by broadcast */
    memcpy(dhcp + 28, mac, 6);
    static const u8 options[] = { 99, 130, 83, 99, 53, 1, 1, 255 };
    memcpy(dhcp + 236, options, sizeof options);
    queue_set(&send, 0, packet, sizeof packet, false, -1);
    queue_post(&send, 0);
    queue_kick(&send);
}

static void received(const u8 *frame, u32 length)
{
    const u8 *ip = frame + 14, *udp = ip + 20, *dhcp = udp + 8;
    if (length < 14 + 20 + 8 + 240 || frame[12] != 8 || frame[13] || ip[0] != 0x45 || ip[9] != 17)
        return;
    if (udp[2] || udp[3] != 68 || dhcp[0] != 2 || memcmp(dhcp + 4, &transaction, 4))
        return;
    memcpy(card.address, dhcp + 16, 4);
    card.net = NET_ADDRESS;
}

void net_start(void)
{
    const struct pci *p = virtio_find(VIRTIO_NET, 0);
    card.net = NET_NO_CARD;
    for (int i = 0; i < pci_count; i++)
        if (pci_devices[i].class_code == 0x0200)
            card.net = NET_UNKNOWN_CARD;
    if (!p || !virtio_open(&net, p, 1 << F_MAC, NULL) || !net.config)
        return;
    if (!virtio_queue(&net, &receive, 0, BUFFERS) || !virtio_queue(&net, &send, 1, 4))
        return;
    for (int i = 0; i < 6; i++)
        mac[i] = net.config[i];
    for (int i = 0; i < receive.size; i++) {
        queue_set(&receive, i, buffers[i], BUFFER, true, -1);
        queue_post(&receive, i);
    }
    virtio_ready(&net);
    queue_kick(&receive);
    transaction = random32();
    card.net = NET_ASKING;
    open = true;
}

void net_poll(void)
{
    if (!open)
        return;
    u32 head, length;
    bool taken = false;
    while (queue_take(&receive, &head, &length)) {
        if (head < BUFFERS && length > HEADER && length <= BUFFER && card.net != NET_ADDRESS)
            received(buffers[head] + HEADER, length - HEADER);
        queue_post(&receive, head);
        taken = true;
    }
    if (taken)
        queue_kick(&receive);
    if (card.net != NET_ADDRESS && ticks >= next_ask) {
        if (asked == ASKS)
            card.net = NET_NO_ANSWER; /* and go on asking: a cable may come */
        else
            asked++;
        next_ask = ticks + ASK_TICKS;
        discover();
    }
}
