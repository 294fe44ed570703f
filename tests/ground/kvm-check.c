// Makes a virtual machine with /dev/kvm, runs four instructions in it and checks what they did. That the device
// opens proves nothing: there are hosts where it opens and no guest runs.
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { CODE_AT = 0x1000, PORT = 0x3f8, MEMORY = 0x10000 };

// mov dx, 0x3f8; add al, bl; out dx, al; hlt
static const unsigned char CODE[] = {0xba, 0xf8, 0x03, 0x00, 0xd8, 0xee, 0xf4};

static int fail(const char *what) {
    perror(what);
    return 1;
}

static int prepare(int machine, int cpu) {
    unsigned char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail("mmap");
    memcpy(memory + CODE_AT, CODE, sizeof CODE);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (unsigned long)memory};
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region)) return fail("KVM_SET_USER_MEMORY_REGION");
    struct kvm_sregs sregs;
    if (ioctl(cpu, KVM_GET_SREGS, &sregs)) return fail("KVM_GET_SREGS");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    if (ioctl(cpu, KVM_SET_SREGS, &sregs)) return fail("KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = CODE_AT, .rax = 40, .rbx = 2, .rflags = 2};
    if (ioctl(cpu, KVM_SET_REGS, &regs)) return fail("KVM_SET_REGS");
    return 0;
}

static int run(int cpu, struct kvm_run *shared) {
    int answer = -1;
    for (;;) {
        if (ioctl(cpu, KVM_RUN, 0)) return fail("KVM_RUN");
        switch (shared->exit_reason) {
        case KVM_EXIT_IO:
            if (shared->io.port == PORT) answer = *((unsigned char *)shared + shared->io.data_offset);
            break;
        case KVM_EXIT_HLT:
            printf("the guest computed 40 + 2 = %d and halted\n", answer);
            return answer == 42 ? 0 : 1;
        default:
            fprintf(stderr, "the guest ended with exit reason %u\n", shared->exit_reason);
            return 1;
        }
    }
}

int main(void) {
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0) return fail("/dev/kvm");
    if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return fail("KVM_GET_API_VERSION");
    int machine = ioctl(kvm, KVM_CREATE_VM, 0);
    if (machine < 0) return fail("KVM_CREATE_VM");
    int cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
    if (cpu < 0) return fail("KVM_CREATE_VCPU");
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < (int)sizeof(struct kvm_run)) return fail("KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
    if (shared == MAP_FAILED) return fail("mmap of the processor");
    return prepare(machine, cpu) || run(cpu, shared);
}
