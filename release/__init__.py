"""How a release is made: `make package` builds this platform's archive, `make krew-manifest` describes those of dist/.

What is the same in two builds of one commit with one Python on one platform: the names of the files in the archive, in
order, their modes, owners and times, and the contents of all but what linkers and PyInstaller stamp. What is not
promised: the same bytes from another machine, since libpython, OpenSSL and the C library are those of the builder.
"""
