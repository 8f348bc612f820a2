;; Gives a result, and then goes wrong while it cleans up: it traps, never ends, or calls the host.
(component
  (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
  (core func $draw (canon lower (func $random "get-random-u64")))
  (core module $m
    (import "host" "draw" (func $draw (result i64)))
    (func (export "run") (result i32) (i32.const 7))
    (func (export "trap") (param i32) unreachable)
    (func (export "spin") (param i32) (loop $again (br $again)))
    (func (export "call") (param i32) (drop (call $draw))))
  (core instance $i (instantiate $m (with "host" (instance (export "draw" (func $draw))))))
  (func (export "trap") (result u32) (canon lift (core func $i "run") (post-return (func $i "trap"))))
  (func (export "spin") (result u32) (canon lift (core func $i "run") (post-return (func $i "spin"))))
  (func (export "call") (result u32) (canon lift (core func $i "run") (post-return (func $i "call")))))
