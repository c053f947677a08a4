package doctor

import "golang.org/x/sys/windows"

// freeBytes returns how many bytes this user can still write to the disk of a folder,
// or a negative number if that is not known.
func freeBytes(dir string) int64 {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return -1
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return -1
	}
	return int64(min(free, 1<<62))
}
