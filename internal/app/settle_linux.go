package app

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// unmapProgram takes the program's code and constants out of this process's address space, so that only what is used from
// now on comes back. The kernel maps sixteen pages where one is touched, and the initialization of packages touches some
// everywhere: after the start four fifths of the program are mapped and count as resident, read or not, and serving uses a
// part of them.
//
// Nothing is lost, and nothing but the mapping is given back: these pages are the file's, clean and in the system's cache
// before and after, where they are free to be taken when memory is short. The next use of one is a fault that finds it
// there (a microsecond), not a read.
func unmapProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	mappings, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	var faults []error
	for _, m := range unchanged(string(mappings), program) {
		if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED); errno != 0 {
			faults = append(faults, os.NewSyscallError("madvise", errno))
		}
	}
	return errors.Join(faults...)
}

// mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// unchanged finds the mappings of a file that are nothing but the file: they cannot be written, and none of their pages was
// (as relocation does in a position-independent program, and a debugger where it stops). smaps is proc_pid_smaps(5).
func unchanged(smaps, file string) []mapping {
	var all []mapping
	candidate := false
	for line := range strings.Lines(smaps) {
		fields := strings.Fields(line)
		if len(fields) >= 5 && len(fields[1]) == len("r-xp") {
			var m mapping
			m, candidate = header(line, fields, file)
			if candidate {
				all = append(all, m)
			}
		} else if candidate && len(fields) == 3 && fields[0] == "Anonymous:" && fields[1] != "0" {
			all, candidate = all[:len(all)-1], false
		}
	}
	return all
}

// header reads the first line about a mapping, and tells whether it is a private one of the file, without the right to write:
// 00400000-01115000 r-xp 00000000 fe:00 1234 /usr/bin/gatehouse.
func header(line string, fields []string, file string) (m mapping, fits bool) {
	from, to, _ := strings.Cut(fields[0], "-")
	start, err1 := strconv.ParseUint(from, 16, strconv.IntSize)
	end, err2 := strconv.ParseUint(to, 16, strconv.IntSize)
	rights := fields[1]
	fits = err1 == nil && err2 == nil && start < end && rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p' &&
		strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+file)
	return mapping{uintptr(start), uintptr(end)}, fits
}
