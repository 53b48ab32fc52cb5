-- error: /etc/passwd
SELECT * FROM read_csv('/etc/passwd')
