package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapProgram takes the pages of the program's own file out of this process:
// those of its start, nearly all, are not needed again, and while they are mapped
// the kernel keeps them in preference to others. What is needed is mapped again
// when it is touched, from the kernel's cache. Pages that are no longer the
// file's (a linker relocates some) are left alone.
func unmapProgram() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer smaps.Close()
	var start, end uintptr // of the mapping, if it is one of the program's file
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "Anonymous: ") && end > start {
			if strings.Fields(line)[1] == "0" {
				_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED)
			}
			end = 0
		} else if from, to, readOnly := mapping(line, program); readOnly {
			start, end = from, to
		}
	}
}

// mapping reads the first line of a mapping, such as
// "00400000-01396000 r-xp 00000000 08:01 1234 /usr/bin/pingr".
func mapping(line, file string) (start, end uintptr, readOnly bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || strings.Join(fields[5:], " ") != file || fields[1] != "r--p" && fields[1] != "r-xp" {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	a, err1 := strconv.ParseUint(from, 16, 64)
	b, err2 := strconv.ParseUint(to, 16, 64)
	return uintptr(a), uintptr(b), err1 == nil && err2 == nil
}
