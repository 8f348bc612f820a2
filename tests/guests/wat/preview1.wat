;; A command of WASI preview 1: it writes its arguments' first bytes, opens what it may not, and says how that ended.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "adapted\n")
  (data (i32.const 200) "../../etc/passwd")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const 8))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
    ;; The first mount is descriptor 3. What leads out of it is refused: 0 would be a success.
    (call $exit
      (i32.sub
        (i32.const 100)
        (call $open
          (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 16)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 40))))))
