package postgrestest

import "syscall"

// dieWithParent has the kernel stop the server at once when the test binary is
// gone, even if that was killed.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
