"""A seccomp filter: system calls that a stage never needs fail with EPERM, for good and for every thread.

A list of what is refused rather than of what is allowed, as the allowed ones change with every C library. Calls
that are newer than the list are refused as unknown. Landlock holds files and TCP; this holds the rest.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

# name:number on x86_64:number on aarch64, from the kernel's unistd headers.
_REFUSED = """
socket:41:198 socketpair:53:199 connect:42:203 bind:49:200 listen:50:201 accept:43:202 accept4:288:242 sendto:44:206
sendmsg:46:211 sendmmsg:307:269 recvmsg:47:212 recvmmsg:299:243
execve:59:221 execveat:322:281 fork:57:- vfork:58:-
kill:62:129 tkill:200:130 rt_sigqueueinfo:129:138 rt_tgsigqueueinfo:297:240 pidfd_send_signal:424:424
pidfd_open:434:434 pidfd_getfd:438:438 ptrace:101:117 process_vm_readv:310:270 process_vm_writev:311:271
process_madvise:440:440 process_mrelease:448:448 kcmp:312:272 setpriority:141:140 ioprio_set:251:30
sched_setscheduler:144:119 sched_setparam:142:118 sched_setattr:314:274 migrate_pages:256:238 move_pages:279:239
perf_event_open:298:241
mount:165:40 umount2:166:39 pivot_root:155:41 chroot:161:51 unshare:272:97 setns:308:268 bpf:321:280 keyctl:250:219
add_key:248:217 request_key:249:218 userfaultfd:323:282 init_module:175:105 finit_module:313:273
delete_module:176:106 kexec_load:246:104 kexec_file_load:320:294 reboot:169:142 swapon:167:224 swapoff:168:225
acct:163:89 quotactl:179:60 quotactl_fd:443:443 syslog:103:116 settimeofday:164:170 clock_settime:227:112
adjtimex:159:171 clock_adjtime:305:266 sethostname:170:161 setdomainname:171:162 vhangup:153:58 nfsservctl:180:42
iopl:172:- ioperm:173:- modify_ldt:154:- personality:135:92 io_uring_setup:425:425 io_uring_enter:426:426
io_uring_register:427:427 io_setup:206:0 io_submit:209:2 open_tree:428:428 move_mount:429:429 fsopen:430:430
fsconfig:431:431 fsmount:432:432 fspick:433:433 mount_setattr:442:442 name_to_handle_at:303:264
open_by_handle_at:304:265 fanotify_init:300:262 fanotify_mark:301:263 inotify_init:253:- inotify_init1:294:26
inotify_add_watch:254:27 lookup_dcookie:212:18 memfd_create:319:279 memfd_secret:447:447 shmget:29:194 shmat:30:196
shmctl:31:195 msgget:68:186 msgsnd:69:189 msgrcv:70:188 msgctl:71:187 semget:64:190 semop:65:193 semctl:66:191
semtimedop:220:192 mq_open:240:180 mq_unlink:241:181
creat:85:- truncate:76:45 unlink:87:- unlinkat:263:35 rename:82:- renameat:264:38 renameat2:316:276 mkdir:83:-
mkdirat:258:34 rmdir:84:- link:86:- linkat:265:37 symlink:88:- symlinkat:266:36 mknod:133:- mknodat:259:33
chmod:90:- fchmod:91:52 fchmodat:268:53 fchmodat2:452:452 chown:92:- fchown:93:55 lchown:94:- fchownat:260:54
utime:132:- utimes:235:- utimensat:280:88 futimesat:261:- setxattr:188:5 lsetxattr:189:6 fsetxattr:190:7
removexattr:197:14 lremovexattr:198:15 fremovexattr:199:16
setuid:105:146 setgid:106:144 setreuid:113:145 setregid:114:143 setresuid:117:147 setresgid:119:149 setfsuid:122:151
setfsgid:123:152 setgroups:116:159 capset:126:91
"""
_UNKNOWN = "clone3:435:435 openat2:437:437"
"""Their flags lie behind a pointer that a filter cannot follow; the C library then asks in the older way."""
_NEWEST = 462
_X32 = 0x4000_0000

_CLONE_THREAD = 0x10000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0o20000000  # the last is O_TMPFILE's own
_FCNTL_SIGNALS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: would have the kernel signal another process
_IOCTL_SIGNALS = (0x8901, 0x8902, 0x5412, 0x541C)  # FIOSETOWN, SIOCSPGRP, TIOCSTI, TIOCLINUX
_PRCTL_SELF = (1, 4)  # PR_SET_PDEATHSIG, PR_SET_DUMPABLE: set, and to stay so

_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_PR_SET_SECCOMP, _FILTER, _WHOLE_PROCESS = 22, 2, 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor family: its number in a filter, the column of the table, and that of the call ``seccomp``."""

    audit: int
    column: int
    seccomp: int


MACHINES = {"x86_64": Machine(0xC000_003E, 1, 317), "aarch64": Machine(0xC000_00B7, 2, 277)}

Instruction = tuple[int, int, int, int]


def is_available() -> bool:
    """Whether this kernel and processor take our filter."""
    machine = MACHINES.get(platform.machine())
    action = struct.pack("=I", _ERRNO)
    return machine is not None and _libc.syscall(machine.seccomp, 2, 0, action) == 0


def refuse_what_no_stage_needs() -> bool:
    """The filter holds for every thread of this process, or False where there is none for this machine.

    Needs ``no_new_privs``. Raises ``OSError`` where the kernel refuses it.
    """
    if not is_available():
        return False
    machine = MACHINES[platform.machine()]
    instructions = program(machine, own_pid=os.getpid())
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(instructions), ctypes.addressof(buffer))
    if _libc.syscall(machine.seccomp, 1, _WHOLE_PROCESS, header):
        raise OSError(ctypes.get_errno(), "seccomp")
    return True


def program(machine: Machine, *, own_pid: int) -> list[Instruction]:
    """The filter as BPF: threads, reading and one's own signals pass; what is listed above does not."""
    numbers = _numbers(machine)
    refuse, unknown = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    code: list[Instruction] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
    ]
    if machine.column == 1:
        code += [(0x35, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]
    code += [(_ABOVE, 0, 1, _NEWEST), (_RETURN, 0, 0, unknown)]
    for listed, answer in ((_UNKNOWN, unknown), (_REFUSED, refuse)):
        for name in (entry.split(":")[0] for entry in listed.split()):
            if (number := numbers[name]) is not None:
                code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    x86 = machine.column == 1
    code += _when(257 if x86 else 56, argument=2, tests=[(_ANY_BIT, 0, 1, _WRITING)])  # openat
    if x86:
        code += _when(2, argument=1, tests=[(_ANY_BIT, 0, 1, _WRITING)])  # open
    code += _when(56 if x86 else 220, argument=0, tests=[(_ANY_BIT, 1, 0, _CLONE_THREAD)])  # clone
    code += _when(302 if x86 else 261, argument=0, tests=[(_EQUAL, 1, 0, 0)])  # prlimit64 of another process
    code += _when(203 if x86 else 122, argument=0, tests=[(_EQUAL, 1, 0, 0)])  # sched_setaffinity of another
    code += _when(234 if x86 else 131, argument=0, tests=[(_EQUAL, 1, 0, own_pid)])  # tgkill, which abort() needs
    for number, argument, values in (
        (72 if x86 else 25, 1, _FCNTL_SIGNALS),
        (16 if x86 else 29, 1, _IOCTL_SIGNALS),
        (157 if x86 else 167, 0, _PRCTL_SELF),
    ):
        code += _when(number, argument=argument, tests=[(_EQUAL, 0, 1, value) for value in values])
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _when(number: int, *, argument: int, tests: list[Instruction]) -> list[Instruction]:
    """For this call: each test that is met refuses it; the first word of the argument is what is tested."""
    body: list[Instruction] = [(_LOAD, 0, 0, 16 + 8 * argument)]
    for test in tests:
        body += [test, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    body.append((_LOAD, 0, 0, 0))
    return [(_EQUAL, 0, len(body), number), *body]


def _numbers(machine: Machine) -> dict[str, int | None]:
    rows = (entry.split(":") for entry in (_REFUSED + _UNKNOWN).split())
    return {row[0]: None if row[machine.column] == "-" else int(row[machine.column]) for row in rows}
