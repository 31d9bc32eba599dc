"""Who works: processes, the locks of folders that jobs share, and how the processes of one job wait for theirs."""
