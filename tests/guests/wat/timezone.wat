;; Asks where on earth it runs.
(component
  (import "wasi:clocks/timezone@0.2.0" (instance
    (export "utc-offset" (func (param "when" u64) (result s32)))))
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
