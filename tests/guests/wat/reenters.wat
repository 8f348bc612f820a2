;; Calls the host while the host hands it its arguments, and is asked for memory while it is in the middle of a call.
(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-u64" (func (result u64)))
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core func $draw (canon lower (func $random "get-random-u64")))
  ;; The memory and its allocator have to be there before the functions that use them.
  (core module $memory
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (type $draw (func (result i64)))
    (global $calls (mut i32) (i32.const 0))
    (func (export "calls") (result i32) (global.get $calls))
    ;; While arguments are lowered, no instance may be left.
    (func (export "calling") (param i32 i32 i32 i32) (result i32)
      (drop (call_indirect (type $draw) (i32.const 0)))
      (i32.const 1024))
    ;; While a result of the host is lowered, it grows its memory, which moves where it may.
    (func (export "growing") (param i32 i32 i32 i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (i32.mul (memory.grow (i32.const 20)) (i32.const 65536))))
  (core instance $memory (instantiate $memory))
  (core func $bytes (canon lower (func $random "get-random-bytes")
    (memory (core memory $memory "memory")) (realloc (func $memory "growing"))))
  (core module $m
    (import "host" "draw" (func $draw (result i64)))
    (import "host" "bytes" (func $bytes (param i64 i32)))
    (import "memory" "memory" (memory 1))
    (import "memory" "table" (table 1 funcref))
    (import "memory" "calls" (func $calls (result i32)))
    (elem (i32.const 0) $draw)
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (func (export "grow") (result i32)
      (call $bytes (i64.const 10000) (i32.const 8))
      (i32.mul (call $calls) (i32.load (i32.const 12)))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "draw" (func $draw)) (export "bytes" (func $bytes))))
    (with "memory" (instance $memory))))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $i "take") (memory (core memory $memory "memory")) (realloc (func $memory "calling"))))
  (func (export "grow") (result u32) (canon lift (core func $i "grow"))))
